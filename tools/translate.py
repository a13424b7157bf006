"""Bring the translation files of our addons up to date with their terms.

Writes `<addon>/i18n/<addon>.pot` and, in every .po beside it, adds what is new and
drops what is gone. A term that reads the same in both languages is repeated, so an
empty translation always means that somebody still has to write it.
"""

import io
import re

import polib

import odoo_env
from workspace import ROOT, run_main, say, write_atomically

DATE = re.compile(r'^"(?:POT-Creation|PO-Revision)-Date: .*\n', re.MULTILINE)


def export(addon):
    """The terms of one addon as Odoo finds them, as the text of a .pot file."""
    from odoo.api import SUPERUSER_ID, Environment
    from odoo.modules.registry import Registry
    from odoo.tools import config
    from odoo.tools.translate import trans_export

    buffer = io.BytesIO()
    with Registry(config["db_name"][0]).cursor(readonly=True) as cr:
        env = Environment(cr, SUPERUSER_ID, {})
        trans_export(None, [addon], buffer, "po", env)
    return buffer.getvalue().decode()


def save(path, text):
    """Write a file unless only its date has changed."""
    before = path.read_text() if path.exists() else ""
    if DATE.sub("", before) != DATE.sub("", text):
        write_atomically(path, text)


def merge(template, path):
    """Give a .po the terms of the template; return those without a translation."""
    catalog = polib.pofile(path, wrapwidth=78)
    known = {entry.msgid: entry.msgstr for entry in catalog}
    catalog.clear()
    for entry in template:
        entry.msgstr = known.get(entry.msgid, "")
        catalog.append(entry)
    save(path, f"{catalog}\n")
    return [entry.msgid for entry in catalog if not entry.msgstr]


def update(addon):
    """Bring the files of one addon up to date; return how many terms are missing."""
    folder = ROOT / addon / "i18n"
    text = export(addon)
    save(folder / f"{addon}.pot", text)
    missing = 0
    for path in sorted(folder.glob("*.po")):
        terms = merge(polib.pofile(text), path)
        missing += len(terms)
        for term in terms:
            say(f"{path.relative_to(ROOT)}: not translated: {term!r}")
    return missing


def main():
    """Export every addon; list what is not translated."""
    missing = 0
    # What other apps add to the addons that do not need them is none of their terms.
    for glue, addons in (
        (False, odoo_env.own_addons()),
        (True, odoo_env.glue_addons()),
    ):
        if addons:
            database = f"clinic_translate{'_glue' if glue else ''}"
            odoo_env.create_db_from_template(database, glue)
            odoo_env.configure_odoo(database, "--log-level=warn")
            missing += sum(update(addon) for addon in addons)
            odoo_env.drop_db(database)
    say(f"{missing} terms are not translated.")
    return int(bool(missing))


if __name__ == "__main__":
    run_main(main)
