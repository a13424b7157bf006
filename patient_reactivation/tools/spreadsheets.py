"""What patients wrote, in files that a spreadsheet program opens."""

# A cell that begins so is a formula, or becomes one (OWASP, *CSV Injection*).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(value):
    """:return: a value of a cell; a text that a spreadsheet program would calculate has
    an apostrophe before it, which says that it is text"""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def neutral_rows(exported):
    """:param dict exported: what Odoo's `export_data` gives
    :return: the same, with texts that stay texts"""
    rows = exported.get("datas", [])
    return {**exported, "datas": [[neutral(value) for value in row] for row in rows]}
