"""What keeps a campaign from working, as the form shows it: a sentence and where
it is mended. Plain dicts, so that they travel to the web client as they are."""

ERROR, WARNING = "error", "warning"


def problem(text, record=None, level=ERROR, page=False):
    """:return: dict of one problem

    :param str text: one sentence for the manager
    :param record: what has to be mended; its form is opened
    :param str page: where on the form of the campaign, instead of a record
    """
    return {
        "text": text,
        "level": level,
        "model": record._name if record else False,
        "id": record.id if record else False,
        "page": page,
    }


def wrap(items, record=None, page=False):
    """Sentences become errors that link to a record; dicts stay as they are.

    :return: list of dicts
    """
    return [
        item if isinstance(item, dict) else problem(item, record, page=page)
        for item in items
    ]
