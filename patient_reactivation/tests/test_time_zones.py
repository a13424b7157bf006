from datetime import datetime

from odoo.tests import BaseCase, tagged

from ..tools.quiet_hours import next_allowed
from ..tools.time_zones import (
    STATES,
    address_zones,
    area_codes,
    load_zone,
    phone_places,
    phone_zones,
    zone_groups,
)

CLINIC = ("America/New_York", "US")


@tagged("post_install", "-at_install")
class TestTimeZones(BaseCase):
    """What an address and a number say about a person's clock."""

    def test_every_zone_of_the_table_exists(self):
        for country, states in STATES.items():
            for state, (name, *zones) in states.items():
                self.assertTrue(name)
                for zone in zones:
                    self.assertTrue(load_zone(zone), f"{country} {state} {zone}")

    def test_states(self):
        """T3: a state that lies in two zones says both."""
        self.assertEqual(address_zones("US", "CA"), ("America/Los_Angeles",))
        self.assertEqual(
            address_zones("US", "FL"), ("America/New_York", "America/Chicago")
        )
        self.assertEqual(address_zones("US", "GU"), ("Pacific/Guam",))
        self.assertEqual(
            address_zones("CA", "NL"), ("America/St_Johns", "America/Goose_Bay")
        )
        self.assertEqual(address_zones("AU", "SA"), ("Australia/Adelaide",))
        self.assertEqual(address_zones("MX", "ROO"), ("America/Cancun",))
        self.assertEqual(address_zones("BR", "AC"), ("America/Rio_Branco",))

    def test_country_without_state(self):
        self.assertEqual(address_zones("FR"), ("Europe/Paris",))
        self.assertIn("Pacific/Honolulu", address_zones("US"))
        self.assertIn("America/New_York", address_zones("US", "XX"))
        self.assertEqual(address_zones(None), ())
        self.assertEqual(address_zones("US", "AE"), (), "the armed forces' post")

    def test_area_codes(self):
        """T7: the state of an area code, from its name or its towns."""
        places = {
            "+13055550123": {("US", "FL")},
            "+14155550123": {("US", "CA")},
            "+12125550123": {("US", "NY")},
            "+12025550123": {("US", "DC")},
            "+12065550123": {("US", "WA")},
            "+14055550123": {("US", "OK")},
            "+15145550123": {("CA", "QC")},
            "+12575550123": {("CA", "BC")},
            "+19025550123": {("CA", "NS"), ("CA", "PE")},
            "+18675550123": {("CA", "NT"), ("CA", "NU"), ("CA", "YT")},
            "+18005550123": {("US", None)},
            "+33140205050": {("FR", None)},
            "+442079460000": {("GB", None)},
            "nonsense": set(),
            None: set(),
        }
        for number, expected in places.items():
            self.assertEqual(phone_places(number), expected, number)

    def test_every_state_has_an_area_code(self):
        found = {place for country, states in area_codes().values() for place in states}
        post = {"AA", "AE", "AP", "FM", "MH", "PW", "AS", "GU", "MP", "PR", "VI"}
        self.assertEqual(set(STATES["US"]) - found - post, set())
        self.assertEqual(set(STATES["CA"]) - found, set())

    def test_zones_of_numbers(self):
        self.assertEqual(phone_zones("+14155550123"), ("America/Los_Angeles",))
        self.assertEqual(phone_zones("+33140205050"), ("Europe/Paris",))
        self.assertIn("Australia/Perth", phone_zones("+61491570156"))
        for number in ("+18005550123", "+447700900123", "12", "", None):
            self.assertEqual(phone_zones(number), (), number)

    def test_old_names_of_zones(self):
        self.assertTrue(load_zone("US/Eastern"))
        for name in ("Mars/Base", "../etc/passwd", "America", ""):
            self.assertIsNone(load_zone(name), name)

    def test_hints_of_a_person(self):
        """T3: own time zone, address and number, the most specific first."""
        groups, guessed = zone_groups(
            "America/Denver", "US", "TX", "+14155550123", *CLINIC
        )
        self.assertEqual(
            groups,
            [
                ("America/Chicago", "America/Denver"),
                ("America/Denver",),
                ("America/Los_Angeles",),
            ],
        )
        self.assertFalse(guessed)

    def test_number_that_fits_the_address_adds_nothing(self):
        groups, _guessed = zone_groups(
            None, "AU", "VIC", "+61491570156", "Australia/Sydney", "AU"
        )
        self.assertEqual(groups, [("Australia/Melbourne",)])

    def test_number_at_home_is_enough(self):
        groups, guessed = zone_groups(None, None, None, "+14155550123", *CLINIC)
        self.assertEqual((groups, guessed), ([("America/Los_Angeles",)], False))

    def test_nothing_known_is_the_clinic(self):
        """D5: no time zone, no address, a foreign or unknown number."""
        for number in (None, "+18005550123", "+447700900123", "n/a"):
            groups, guessed = zone_groups(None, None, None, number, *CLINIC)
            self.assertEqual((groups, guessed), ([("America/New_York",)], True))

    def test_foreign_number_narrows_the_clinic(self):
        """D5: the clinic's hours, and those of the number where they meet."""
        groups, guessed = zone_groups(None, None, None, "+33140205050", *CLINIC)
        self.assertTrue(guessed)
        morning = datetime(2026, 3, 2, 15, 30)
        self.assertEqual(next_allowed(morning, groups, 10, 18), morning)
        evening = datetime(2026, 3, 2, 17, 0)
        self.assertEqual(
            next_allowed(evening, groups, 10, 18), datetime(2026, 3, 3, 15, 0)
        )
        # Tokyo and New York do not meet: the clinic's hours remain.
        groups, _guessed = zone_groups(None, None, None, "+81312345678", *CLINIC)
        self.assertEqual(next_allowed(evening, groups, 10, 18), evening)
