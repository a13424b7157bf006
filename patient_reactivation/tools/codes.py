"""Codes that people read, type and say aloud: coupons.

The alphabet is Crockford's Base 32 (https://www.crockford.com/base32.html): no I, L, O
and U; whoever types an O or an l means 0 and 1. A code is random symbols and a check
symbol. The check symbol is that of a Reed-Solomon code over GF(2^5): one wrong symbol,
and any two symbols that changed places, are always noticed (the weights of the
positions differ, as long as there are no more than 31 of them).
"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# 17 random symbols of five bits: 85 bits, and one symbol to check them.
RANDOM_SYMBOLS = 17
LENGTH = RANDOM_SYMBOLS + 1
GROUP = 6

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_READ_AS = str.maketrans("OIL", "011")
_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, which is primitive


def _powers():
    power, value = [], 1
    for _exponent in range(31):
        power.append(value)
        value <<= 1
        if value & 0b100000:
            value ^= _POLYNOMIAL
    return power


_POWERS = _powers()
_LOGARITHMS = {value: exponent for exponent, value in enumerate(_POWERS)}


def _times(value, exponent):
    """:return: int: a value of the field times a power of its generator"""
    return value and _POWERS[(_LOGARITHMS[value] + exponent) % 31]


def _check(values):
    """:return: int: the weighted sum of values, in the field of 32 elements"""
    total = 0
    for position, value in enumerate(values, start=1):
        total ^= _times(value, position)
    return total


def make():
    """:return: str: a new code of 18 symbols, 85 bits of them random"""
    number = secrets.randbits(5 * RANDOM_SYMBOLS)
    values = [number >> 5 * place & 31 for place in range(RANDOM_SYMBOLS)]
    # The check symbol has weight 1: the sum over the whole code is then 0.
    return "".join(ALPHABET[value] for value in (_check(values), *values))


def normalize(text):
    """:return: str: what somebody typed or scanned, as a code is stored: without
    spaces and dashes, in capitals, with digits for the letters that look like them"""
    letters = "".join(char for char in str(text or "") if char.isalnum())
    return letters.upper().translate(_READ_AS)


def is_code(text):
    """:return: bool: a normalized text is a code: its length, symbols and check"""
    if len(text) != LENGTH or not _VALUES.keys() >= set(text):
        return False
    check, *values = (_VALUES[symbol] for symbol in text)
    return check == _check(values)


def show(code):
    """:return: str: a code in groups, as it is printed"""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))
