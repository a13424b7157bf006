"""Where a person's clock hangs: time zones of an address and of a phone number.

Plain Python: no database, no ORM. What is not known stays empty, so that the caller
decides what to make of it.
"""

from contextlib import suppress
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
import pytz
from phonenumbers import geocoder, timezone

_EASTERN = "America/New_York"
_CENTRAL = "America/Chicago"
_MOUNTAIN = "America/Denver"
_PACIFIC = "America/Los_Angeles"
_MEXICO = "America/Mexico_City"
_BRASILIA = "America/Sao_Paulo"

# Name of the state as area codes have it, then every zone people live by in it.
STATES = {
    "US": {
        "AL": ("Alabama", _CENTRAL),
        "AK": ("Alaska", "America/Anchorage", "America/Adak"),
        "AZ": ("Arizona", "America/Phoenix", _MOUNTAIN),
        "AR": ("Arkansas", _CENTRAL),
        "CA": ("California", _PACIFIC),
        "CO": ("Colorado", _MOUNTAIN),
        "CT": ("Connecticut", _EASTERN),
        "DE": ("Delaware", _EASTERN),
        "DC": ("Washington D.C.", _EASTERN),
        "FL": ("Florida", _EASTERN, _CENTRAL),
        "GA": ("Georgia", _EASTERN),
        "HI": ("Hawaii", "Pacific/Honolulu"),
        "ID": ("Idaho", "America/Boise", _PACIFIC),
        "IL": ("Illinois", _CENTRAL),
        "IN": ("Indiana", "America/Indiana/Indianapolis", _CENTRAL),
        "IA": ("Iowa", _CENTRAL),
        "KS": ("Kansas", _CENTRAL, _MOUNTAIN),
        "KY": ("Kentucky", _EASTERN, _CENTRAL),
        "LA": ("Louisiana", _CENTRAL),
        "ME": ("Maine", _EASTERN),
        "MD": ("Maryland", _EASTERN),
        "MA": ("Massachusetts", _EASTERN),
        "MI": ("Michigan", "America/Detroit", _CENTRAL),
        "MN": ("Minnesota", _CENTRAL),
        "MS": ("Mississippi", _CENTRAL),
        "MO": ("Missouri", _CENTRAL),
        "MT": ("Montana", _MOUNTAIN),
        "NE": ("Nebraska", _CENTRAL, _MOUNTAIN),
        "NV": ("Nevada", _PACIFIC, _MOUNTAIN),
        "NH": ("New Hampshire", _EASTERN),
        "NJ": ("New Jersey", _EASTERN),
        "NM": ("New Mexico", _MOUNTAIN),
        "NY": ("New York", _EASTERN),
        "NC": ("North Carolina", _EASTERN),
        "ND": ("North Dakota", _CENTRAL, _MOUNTAIN),
        "OH": ("Ohio", _EASTERN),
        "OK": ("Oklahoma", _CENTRAL),
        "OR": ("Oregon", _PACIFIC, "America/Boise"),
        "PA": ("Pennsylvania", _EASTERN),
        "RI": ("Rhode Island", _EASTERN),
        "SC": ("South Carolina", _EASTERN),
        "SD": ("South Dakota", _CENTRAL, _MOUNTAIN),
        "TN": ("Tennessee", _EASTERN, _CENTRAL),
        "TX": ("Texas", _CENTRAL, _MOUNTAIN),
        "UT": ("Utah", _MOUNTAIN),
        "VT": ("Vermont", _EASTERN),
        "VA": ("Virginia", _EASTERN),
        "WA": ("Washington State", _PACIFIC),
        "WV": ("West Virginia", _EASTERN),
        "WI": ("Wisconsin", _CENTRAL),
        "WY": ("Wyoming", _MOUNTAIN),
        "AS": ("American Samoa", "Pacific/Pago_Pago"),
        "FM": ("Micronesia", "Pacific/Guadalcanal", "Pacific/Port_Moresby"),
        "GU": ("Guam", "Pacific/Guam"),
        "MH": ("Marshall Islands", "Pacific/Majuro"),
        "MP": ("Northern Mariana Islands", "Pacific/Guam"),
        "PW": ("Palau", "Pacific/Palau"),
        "PR": ("Puerto Rico", "America/Puerto_Rico"),
        "VI": ("U.S. Virgin Islands", "America/Puerto_Rico"),
        # Post of the armed forces: it may be anywhere.
        "AA": ("Armed Forces Americas",),
        "AE": ("Armed Forces Europe",),
        "AP": ("Armed Forces Pacific",),
    },
    "CA": {
        "AB": ("Alberta", "America/Edmonton"),
        "BC": (
            "British Columbia",
            "America/Vancouver",
            "America/Dawson_Creek",
            "America/Edmonton",
        ),
        "MB": ("Manitoba", "America/Winnipeg"),
        "NB": ("New Brunswick", "America/Moncton"),
        "NL": (
            "Newfoundland and Labrador",
            "America/St_Johns",
            "America/Goose_Bay",
        ),
        "NT": ("Northwest Territories", "America/Edmonton"),
        "NS": ("Nova Scotia", "America/Halifax"),
        "NU": (
            "Nunavut",
            "America/Iqaluit",
            "America/Rankin_Inlet",
            "America/Cambridge_Bay",
        ),
        "ON": ("Ontario", "America/Toronto", "America/Winnipeg"),
        "PE": ("Prince Edward Island", "America/Halifax"),
        "QC": ("Quebec", "America/Toronto", "America/Halifax"),
        "SK": ("Saskatchewan", "America/Regina", "America/Edmonton"),
        "YT": ("Yukon", "America/Whitehorse"),
    },
    "AU": {
        "ACT": ("Australian Capital Territory", "Australia/Sydney"),
        "NSW": (
            "New South Wales",
            "Australia/Sydney",
            "Australia/Broken_Hill",
            "Australia/Lord_Howe",
        ),
        "NT": ("Northern Territory", "Australia/Darwin"),
        "QLD": ("Queensland", "Australia/Brisbane"),
        "SA": ("South Australia", "Australia/Adelaide"),
        "TAS": ("Tasmania", "Australia/Hobart"),
        "VIC": ("Victoria", "Australia/Melbourne"),
        "WA": ("Western Australia", "Australia/Perth", "Australia/Eucla"),
    },
    "MX": {
        "AGU": ("Aguascalientes", _MEXICO),
        "BCN": ("Baja California", "America/Tijuana"),
        "BCS": ("Baja California Sur", "America/Mazatlan"),
        "CAM": ("Campeche", "America/Merida"),
        "CHH": (
            "Chihuahua",
            "America/Chihuahua",
            "America/Ciudad_Juarez",
            "America/Ojinaga",
        ),
        "CHP": ("Chiapas", _MEXICO),
        "CMX": ("Ciudad de México", _MEXICO),
        "COA": ("Coahuila", "America/Monterrey", "America/Matamoros"),
        "COL": ("Colima", _MEXICO),
        "DUR": ("Durango", "America/Monterrey"),
        "GRO": ("Guerrero", _MEXICO),
        "GUA": ("Guanajuato", _MEXICO),
        "HID": ("Hidalgo", _MEXICO),
        "JAL": ("Jalisco", _MEXICO),
        "MEX": ("México", _MEXICO),
        "MIC": ("Michoacán", _MEXICO),
        "MOR": ("Morelos", _MEXICO),
        "NAY": ("Nayarit", "America/Mazatlan", "America/Bahia_Banderas"),
        "NLE": ("Nuevo León", "America/Monterrey", "America/Matamoros"),
        "OAX": ("Oaxaca", _MEXICO),
        "PUE": ("Puebla", _MEXICO),
        "QUE": ("Querétaro", _MEXICO),
        "ROO": ("Quintana Roo", "America/Cancun"),
        "SIN": ("Sinaloa", "America/Mazatlan"),
        "SLP": ("San Luis Potosí", _MEXICO),
        "SON": ("Sonora", "America/Hermosillo"),
        "TAB": ("Tabasco", _MEXICO),
        "TAM": ("Tamaulipas", "America/Monterrey", "America/Matamoros"),
        "TLA": ("Tlaxcala", _MEXICO),
        "VER": ("Veracruz", _MEXICO),
        "YUC": ("Yucatán", "America/Merida"),
        "ZAC": ("Zacatecas", _MEXICO),
    },
    "BR": {
        "AC": ("Acre", "America/Rio_Branco"),
        "AL": ("Alagoas", "America/Maceio"),
        "AM": ("Amazonas", "America/Manaus", "America/Eirunepe"),
        "AP": ("Amapá", "America/Belem"),
        "BA": ("Bahia", "America/Bahia"),
        "CE": ("Ceará", "America/Fortaleza"),
        "DF": ("Distrito Federal", _BRASILIA),
        "ES": ("Espírito Santo", _BRASILIA),
        "GO": ("Goiás", _BRASILIA),
        "MA": ("Maranhão", "America/Fortaleza"),
        "MG": ("Minas Gerais", _BRASILIA),
        "MS": ("Mato Grosso do Sul", "America/Campo_Grande"),
        "MT": ("Mato Grosso", "America/Cuiaba"),
        "PA": ("Pará", "America/Belem", "America/Santarem"),
        "PB": ("Paraíba", "America/Fortaleza"),
        "PE": ("Pernambuco", "America/Recife", "America/Noronha"),
        "PI": ("Piauí", "America/Fortaleza"),
        "PR": ("Paraná", _BRASILIA),
        "RJ": ("Rio de Janeiro", _BRASILIA),
        "RN": ("Rio Grande do Norte", "America/Fortaleza"),
        "RO": ("Rondônia", "America/Porto_Velho"),
        "RR": ("Roraima", "America/Boa_Vista"),
        "RS": ("Rio Grande do Sul", _BRASILIA),
        "SC": ("Santa Catarina", _BRASILIA),
        "SE": ("Sergipe", "America/Maceio"),
        "SP": ("São Paulo", _BRASILIA),
        "TO": ("Tocantins", "America/Araguaina"),
    },
}

# Names an area code has that are not those of the table.
_OTHER_NAMES = {"British Colombia": "BC", "Washington": "WA"}

# Length of "+1" and the area code.
AREA_LENGTH = 5


@lru_cache(maxsize=1024)
def load_zone(name):
    """:return: the `ZoneInfo` of a name, or None

    Old names such as US/Eastern are not installed everywhere; pytz brings them.
    """
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(name)
    if name not in pytz.all_timezones_set:
        return None
    with pytz.open_resource(name) as resource:
        return ZoneInfo.from_file(resource, key=name)


# ----------------------------------------------------------------------- addresses


def address_zones(country, state=None):
    """Zones people at an address may live by.

    :param str country: ISO code, such as US
    :param str state: code of the state, such as FL
    :return: names of zones, none if the address says nothing
    """
    if not country:
        return ()
    states = STATES.get(country, {})
    if state in states:
        return states[state][1:]
    return tuple(pytz.country_timezones.get(country, ()))


# ------------------------------------------------------------------------- numbers


def _states_named(country, description):
    """:return: codes of the states in "San Francisco, CA" or "Ontario\""""
    codes = {names[0]: code for code, names in STATES.get(country, {}).items()}
    codes.update(_OTHER_NAMES)
    ending = description.rpartition(", ")[2]
    if ending in STATES.get(country, {}):
        return frozenset({ending})
    return frozenset(codes[name] for name in description.split("/") if name in codes)


@lru_cache(maxsize=1)
def area_codes():
    """:return: {"+1415": ("US", {"CA"})} of the US and Canada

    Toll-free and personal numbers are of no state and are not in it.
    """
    areas = {}
    for area in range(200, 1000):
        prefix = f"+1{area}"
        number = phonenumbers.parse(f"{prefix}5550100")
        country = phonenumbers.region_code_for_number(number)
        description = geocoder.description_for_number(number, "en")
        states = _states_named(country, description)
        if states:
            areas[prefix] = (country, states)
    return areas


def _parse(number):
    try:
        return phonenumbers.parse(number or "")
    except phonenumbers.NumberParseException:
        return None


@lru_cache(maxsize=8192)
def phone_places(number):
    """Where a number belongs.

    :param str number: in E.164, such as +13055550123
    :return: set of (country, state); the state is None where numbers have none
    """
    country, states = area_codes().get((number or "")[:AREA_LENGTH], (None, None))
    if country:
        return frozenset((country, state) for state in states)
    parsed = _parse(number)
    country = parsed and phonenumbers.region_code_for_number(parsed)
    return frozenset({(country, None)} if country and country != "001" else ())


@lru_cache(maxsize=8192)
def phone_zones(number):
    """:return: names of zones a number in E.164 may ring in, none if unknown"""
    places = phone_places(number)
    if not places or places & {("US", None), ("CA", None)}:
        # A toll-free number: it rings anywhere.
        return ()
    zones = timezone.time_zones_for_number(_parse(number))
    return tuple(zone for zone in zones if load_zone(zone))


def _fits(number, country, zones):
    """:return: whether a number cannot contradict an address in these zones"""
    if set(zones) <= set(phone_zones(number)):
        return True
    places = phone_places(number)
    # A mobile number names its country, and no place in it.
    return (country, None) in places and not phonenumbers.is_number_geographical(
        _parse(number)
    )


# ------------------------------------------------------------------------- persons


def zone_groups(tz, country, state, phone, clinic_zone, clinic_country):
    """Everything that hints at a person's clock, the most specific hint first.

    The person's hours are those that all hints allow. A number that fits the
    address adds nothing to it: a mobile number of Australia rings in all of it.

    :return: (list of tuples of zones, whether all of it is a guess)
    """
    address = address_zones(country, state)
    known = tuple(zone for zone in (tz,) if zone and load_zone(zone))
    ringing = phone_zones(phone)
    if address and ringing and _fits(phone, country, address):
        ringing = ()
    groups = [group for group in (address, known) if group]
    if groups:
        return groups + [ringing] * bool(ringing), False
    domestic = any(place[0] == clinic_country for place in phone_places(phone))
    if ringing and domestic:
        return [ringing], False
    # Nothing but the clinic is sure; a foreign number narrows it where it can.
    return [(clinic_zone,)] + [ringing] * bool(ringing), True
