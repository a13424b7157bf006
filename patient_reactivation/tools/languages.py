"""Names of languages."""


def own_name(label):
    """:return: the name its speakers use, of a label as "French / Français\""""
    return label.split(" / ")[-1]
