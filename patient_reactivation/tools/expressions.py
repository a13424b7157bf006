"""Reads the placeholders of an e-mail without evaluating any of them."""

import ast
import re

from lxml import etree, html

INLINE = re.compile(r"\{\{(.+?)(?:\|\|\|.*?)?\}\}", re.DOTALL)

# What an expression may be made of and still be a placeholder: no call, no index.
HARMLESS = (
    ast.Expression,
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.Load,
    ast.BoolOp,
    ast.boolop,
    ast.UnaryOp,
    ast.Not,
    ast.IfExp,
    ast.Compare,
    ast.cmpop,
)

# Attributes of QWeb that hold an expression, and those that hold none.
EVALUATED = {"t-out", "t-esc", "t-field", "t-if", "t-elif"}
SILENT = {"t-else", "t-tag-open", "t-tag-close"}


def of_text(text):
    """:return: list of the expressions in a subject or a preview, in order"""
    return [match.strip() for match in INLINE.findall(text or "")]


def of_html(body):
    """:return: (list of expressions, list of directives that are not placeholders)

    :raise ValueError: the body cannot be read at all
    """
    if not (body or "").strip():
        return [], []
    try:
        root = html.fragment_fromstring(body, create_parent="div")
    except (etree.LxmlError, ValueError) as error:
        raise ValueError(str(error)) from error
    found, directives = [], []
    for node in root.iter(etree.Element):
        for name, value in node.attrib.items():
            if name in EVALUATED or name.startswith("t-att-"):
                found.append(value.strip())
            elif name.startswith("t-attf-"):
                found += of_text(value)
            elif name.startswith("t-") and name not in SILENT:
                directives.append(name)
    return found, directives


def paths(expression):
    """The dotted names an expression reads.

    :return: (list of names such as `object.partner_id.name`, bool: nothing else
        happens in it)
    :raise SyntaxError: it is no expression
    """
    tree = ast.parse(expression.strip(), mode="eval")
    harmless = all(isinstance(node, HARMLESS) for node in ast.walk(tree))
    inner = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }
    found = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner
    ]
    return found, harmless
