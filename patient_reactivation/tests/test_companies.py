"""Two clinics and a branch in one database: nothing of one reaches the other."""

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .test_runner import SmtpClinicCase


@tagged("post_install", "-at_install")
class TestCompanies(SmtpClinicCase):
    def both(self):
        """A patient of each clinic and one of both, and a campaign in each."""
        self.ours = self.lapsed("Ours")
        self.theirs = self.person("Theirs")
        self.shared = self.lapsed("Shared")
        for partner in (self.theirs, self.shared):
            self.visit(partner, 250, company_id=self.other_clinic.id)
        self.other_clinic.write(
            {
                "street": "9 Lake Road",
                "city": "Buffalo",
                "zip": "14201",
                "email": "lake@example.org",
                "phone": "+1 716 555 0100",
            }
        )
        self.recall = self.campaign(start=True)
        self.other_recall = self.campaign(
            start=True, name="Other", company_id=self.other_clinic.id
        )

    def test_the_runner_keeps_them_apart(self):
        """H1: the jobs run as superuser, each patient hears from their own clinic."""
        self.both()
        self.env["reactivation.enrollment"].sudo()._cron_enroll()
        self.env["reactivation.delivery"].sudo()._cron_run()
        self.later(days=1, hours=1)
        self.env["reactivation.delivery"].sudo()._cron_run()
        self.assertEnrolled(self.recall, self.ours | self.shared)
        self.assertEnrolled(self.other_recall, self.theirs | self.shared)
        senders = {
            str(mail["email_to"]): mail["email_from"]
            for mail in self._mails
            if "shared" not in str(mail["email_to"])
        }
        for address, sender in senders.items():
            own = "lake@" if "theirs" in address else "clinic@"
            self.assertIn(own, sender)
        # Whoever is known to both hears of both, one a day.
        self.assertEqual(len(self.mails_to("shared@example.com")), 2)

    def test_everything_in_the_e_mail_is_of_its_own_clinic(self):
        """H2: sender, answers, postal address, unsubscribe page."""
        self.both()
        self.run_crons()
        (mail,) = self.mails_to("theirs@example.com")
        self.assertIn("Lakeside Clinic", mail["email_from"])
        self.assertIn("lake@example.org", mail["email_from"])
        self.assertIn("Lakeside Clinic", str(mail["reply_to"]))
        self.assertIn("9 Lake Road", mail["body"])
        self.assertNotIn("1 Main Street", mail["body"])
        self.assertNotIn("Elm Street", mail["body"] + str(mail["subject"]))
        delivery = self.enrollment(self.theirs).delivery_ids
        pages = self.env["reactivation.unsubscribe"].sudo()
        link = pages._link(
            delivery.step_id.mailing_ids,
            delivery.enrollment_id.id,
            "theirs@example.com",
        )
        words = pages._words(link, None)
        self.assertEqual(words["clinic"], "Lakeside Clinic")
        self.assertEqual(words["phone"], "+1 716 555 0100")

    def test_mail_server_of_one_clinic_that_is_down(self):
        """H2, C1: the other one goes on."""
        self.both()
        status = self.env["reactivation.channel.status"]
        status._fail(self.clinic, "mail", "Connection refused", self.recall)
        self.run_crons()
        self.assertDeliveries(self.ours, ["pending"])
        self.assertDeliveries(self.theirs, ["sent"])

    def test_opt_out_in_one_clinic(self):
        """H4: an e-mail to one clinic speaks of that clinic; a number of both."""
        self.both()
        consents = self.env["reactivation.consent"]
        consents._withdraw(self.shared, self.clinic, "mail", "all", "page")
        self.run_crons()
        self.assertEqual(self.enrollment(self.shared, self.recall).state, "stopped")
        self.assertEqual(
            self.enrollment(self.shared, self.other_recall).delivery_ids.state, "sent"
        )
        self.shared.phone = "+1 212 555 0100"
        consents._withdraw(self.shared, self.clinic, "call", "all", "staff")
        for company in (self.clinic, self.other_clinic):
            refusal = self.refusal(self.shared, "call", company=company)
            self.assertEqual(refusal, "opted_out")

    def test_visit_in_one_clinic_is_no_return_to_the_other(self):
        self.both()
        self.visit(self.shared, 0)
        self.run_crons()
        self.assertEqual(
            self.enrollment(self.shared, self.other_recall).delivery_ids.state, "sent"
        )

    def test_nothing_of_the_other_clinic_is_readable(self):
        """H5: every model that knows companies, by search and by number."""
        self.both()
        self.run_crons()
        self.env["reactivation.consent"]._withdraw(
            self.theirs, self.other_clinic, "mail", "offer", "staff"
        )
        self.env["reactivation.channel.status"]._fail(
            self.other_clinic, "mail", "Down", self.other_recall
        )
        here = {"allowed_company_ids": self.clinic.ids}
        checked = set()
        for name in sorted(self.env):
            model = self.env[name]
            if not name.startswith("reactivation.") or "company_id" not in model:
                continue
            if model._abstract or model._transient:
                continue
            theirs = model.sudo().search([("company_id", "=", self.other_clinic.id)])
            for user in (self.desk, self.manager):
                mine = model.with_user(user).with_context(**here)
                if not theirs or not mine.has_access("read"):
                    continue
                found = mine.search([]).sudo().company_id
                self.assertNotIn(self.other_clinic, found, name)
                with self.assertRaises(AccessError, msg=name):
                    theirs[0].with_user(user).with_context(**here).read(["company_id"])
                checked.add(name)
        self.assertLess(
            {
                "reactivation.campaign",
                "reactivation.consent",
                "reactivation.delivery",
                "reactivation.enrollment",
                "reactivation.patient",
                "reactivation.step",
            },
            checked,
        )


@tagged("post_install", "-at_install")
class TestBranches(SmtpClinicCase):
    """H8: a branch is a clinic of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.branch = cls.env["res.company"].create(
            {
                "name": "Elm Street Annex",
                "parent_id": cls.clinic.id,
                "street": "3 Annex Road",
                "city": "New York",
                "zip": "10002",
                "country_id": cls.env.ref("base.us").id,
                "email": "annex@example.com",
                "reactivation_tz": "America/New_York",
            }
        )
        cls.env.user.write({"company_ids": [Command.link(cls.branch.id)]})
        cls.env = cls.env(
            context={
                **cls.env.context,
                "allowed_company_ids": [
                    cls.clinic.id,
                    cls.other_clinic.id,
                    cls.branch.id,
                ],
            }
        )

    def branch_patient(self, name="Annie"):
        partner = self.person(name)
        self.visit(partner, 250, company_id=self.branch.id)
        return partner

    def test_patients_are_of_the_branch(self):
        """H8: counted, enrolled and written to by the branch only."""
        annie, ada = self.branch_patient(), self.lapsed("Ada")
        self.refresh()
        self.assertPatient(annie, self.branch, visit_count=1)
        self.assertFalse(self.row(annie, self.clinic))
        campaign = self.campaign(start=True)
        self.assertEnrolled(campaign, ada)
        own = self.campaign(start=True, name="Annex", company_id=self.branch.id)
        self.assertEnrolled(own, annie)
        self.run_crons()
        (mail,) = self.mails_to("annie@example.com")
        self.assertIn("annex@example.com", mail["email_from"])
        self.assertIn("3 Annex Road", mail["body"])

    def test_visit_to_the_parent_is_no_return_to_the_branch(self):
        """H8"""
        annie = self.branch_patient()
        self.campaign(start=True, company_id=self.branch.id)
        self.visit(annie, 0)
        self.run_crons()
        self.assertDeliveries(annie, ["sent"])

    def test_words_to_the_parent_are_not_about_the_branch(self):
        """H8, H4: as between two clinics; a number is the person's everywhere."""
        annie = self.branch_patient()
        consents = self.env["reactivation.consent"]
        consents._withdraw(annie, self.clinic, "mail", "all", "page")
        annie.phone = "+1 212 555 0100"
        consents._withdraw(annie, self.clinic, "call", "all", "staff")
        for channel, expected in (("mail", None), ("call", "opted_out")):
            refusal = self.refusal(annie, channel, company=self.branch)
            self.assertEqual(refusal, expected, channel)

    def test_limits_count_over_parent_and_branch(self):
        """H8: whoever of them wrote today, it is one a day for the patient."""
        annie = self.branch_patient()
        self.visit(annie, 300)
        self.campaign(start=True)
        self.campaign(start=True, name="Annex", company_id=self.branch.id)
        self.run_crons()
        self.assertEqual(len(self.mails_to("annie@example.com")), 1)
        waiting = self.enrollment(annie).delivery_ids.filtered(
            lambda item: item.state == "pending"
        )
        self.assertEqual(waiting.reason, "cap_day")

    def test_staff_of_the_parent_need_the_branch_among_their_companies(self):
        """H8"""
        annie = self.branch_patient()
        self.refresh()
        rows = self.patients.with_user(self.manager).with_context(
            allowed_company_ids=self.clinic.ids
        )
        self.assertFalse(rows.search([("partner_id", "=", annie.id)]))
        self.manager.company_ids += self.branch
        rows = rows.with_context(allowed_company_ids=[self.clinic.id, self.branch.id])
        self.assertEqual(len(rows.search([("partner_id", "=", annie.id)])), 1)
