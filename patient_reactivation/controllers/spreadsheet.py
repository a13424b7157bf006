import json

from werkzeug.datastructures import FileStorage

from odoo import http

from odoo.addons.web.controllers.export import ExcelExport
from odoo.addons.web.controllers.pivot import TableExporter

from ..tools.spreadsheets import neutral

# Names of patients and campaigns head the groups of our lists and pivots.
OURS = "reactivation."


class PatientExcelExport(ExcelExport):
    def from_group_data(self, fields, columns_headers, groups):
        """A grouped list: `export_data` has seen its rows, not the heads of groups."""
        if groups._model._name.startswith(OURS):
            neutralize_groups(groups)
        return super().from_group_data(fields, columns_headers, groups)


class PatientTableExporter(TableExporter):
    @http.route()
    def export_xlsx(self, data, **kw):
        """A pivot: the client hands over what it shows."""
        text = data.read() if isinstance(data, FileStorage) else data
        table = json.loads(text)
        if table and str(table.get("model", "")).startswith(OURS):
            neutralize_table(table)
        return super().export_xlsx(json.dumps(table), **kw)


def neutralize_groups(node):
    """:param node: Odoo's tree of groups; a key is a value, or an id and its name"""
    node.children = {neutral_key(key): child for key, child in node.children.items()}
    for child in node.children.values():
        neutralize_groups(child)


def neutral_key(key):
    if isinstance(key, tuple):
        return tuple(neutral(part) for part in key)
    return neutral(key)


def neutralize_table(table):
    """:param dict table: a pivot as the web client sends it"""
    for row in table.get("rows", []):
        row["title"] = neutral(row["title"])
        for cell in row["values"]:
            cell["value"] = neutral(cell["value"])
    headers = [*table.get("col_group_headers", []), table.get("measure_headers", [])]
    for row in headers:
        for header in row:
            header["title"] = neutral(header["title"])
