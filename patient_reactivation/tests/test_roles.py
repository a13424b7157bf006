"""Who may do what: every model and every method, as the web client calls them.

The lists come from the registry, so that a model or a method that is added later is
asked about without anybody thinking of it here.
"""

import inspect

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.service.model import call_kw
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MailClinicCase, TwoClinics

OURS = "odoo.addons.patient_reactivation."

# What a method is given for a parameter it cannot do without.
ARGUMENTS = {
    "default": {},
    "fields": ["id"],
    "fields_list": ["id"],
    "fields_to_export": ["id"],
    "field_name": "name",
    "model": "reactivation.step",
    "new": 1,
    "code": "x",
    "translations": {},
    "vals": {"write_date": False},
    "values": {"write_date": False},
    "vals_list": [{}],
}

# What Odoo gives every model, by which anything could be got out or changed.
GENERAL = {
    "read": [["id"]],
    "search": [[]],
    "search_read": [[], ["id"]],
    "search_count": [[]],
    "web_search_read": [[], {"id": {}}],
    "formatted_read_group": [[], [], ["__count"]],
    "name_search": [],
    "name_create": ["x"],
    "create": [[{}]],
    "write": [{"write_date": False}],
    "unlink": [],
    "copy": [],
    "web_save": [{}, {}],
    "export_data": [["id"]],
}

LOGGERS = ("odoo.addons.base.models.ir_model", "odoo.models", "odoo.sql_db")


class RolesCase(TwoClinics, MailClinicCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["reactivation.delivery"]._schedule_due()
        cls.env.flush_all()
        cls.env.invalidate_all()

    # ----------------------------------------------------------------- registry

    @classmethod
    def our_models(cls, abstract=False):
        """Names of the models the addon adds."""
        return [
            name
            for name in sorted(cls.env)
            if cls.env[name]._original_module == "patient_reactivation"
            and (abstract or not cls.env[name]._abstract)
        ]

    @classmethod
    def our_methods(cls, name):
        """Public methods the addon brings to a model; `GENERAL` has those that Odoo
        gives to every model, and that we may change."""
        ours, theirs = {}, set()
        for parent in type(cls.env[name]).mro():
            if not parent.__module__.startswith(OURS):
                if parent.__module__.startswith("odoo."):
                    theirs |= set(vars(parent))
                continue
            for method, function in vars(parent).items():
                if not method.startswith("_") and inspect.isfunction(function):
                    ours.setdefault(method, function)
        return {
            method: function
            for method, function in ours.items()
            if method not in theirs and not getattr(function, "_api_private", False)
        }

    def arguments_of(self, function):
        """What the web client would send, beside the records."""
        parameters = list(inspect.signature(function).parameters.values())[1:]
        return [
            ARGUMENTS.get(item.name, 1)
            for item in parameters
            if item.default is item.empty
            and item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)
        ]

    def ids_of(self, name):
        """Records a stranger may have heard of, or made up."""
        model = self.env[name].sudo()
        found = [] if model._abstract else model.search([], limit=1).ids
        return found or [1]

    def call(self, user, name, method, ids, *arguments):
        """As the web client calls it, and undone afterwards."""
        model = self.env[name].with_user(user).sudo(False)
        model = model.with_context(allowed_company_ids=user.company_ids.ids)
        arguments = list(arguments)
        if not getattr(getattr(type(model), method), "_api_model", False):
            arguments.insert(0, ids)
        with self.env.cr.savepoint() as savepoint:
            try:
                return call_kw(model, method, arguments, {})
            finally:
                savepoint.rollback()
                self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestOutsiders(RolesCase):
    """I3: nobody from outside gets anything from any model by any method."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls._staff(
            "portal", cls.clinic, [Command.set(cls.clinic.ids)], "base.group_portal"
        )
        cls.public = cls.env.ref("base.public_user")

    def refused(self, user, name, method, ids, *arguments):
        """:return: None, or what came instead of a refusal"""
        try:
            answer = self.call(user, name, method, ids, *arguments)
        except AccessError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            return f"{name}.{method}: {type(error).__name__}: {error}"[:300]
        return f"{name}.{method} answers {answer!r}"[:300]

    def assertAllRefused(self, answers):
        wrong = sorted({text for text in answers if text})
        self.assertFalse(wrong, "\n".join(wrong))

    @mute_logger(*LOGGERS)
    def test_every_method_of_every_model(self):
        """I3: wizards and models without a table included."""
        answers = []
        for name in self.our_models(abstract=True):
            for method, function in self.our_methods(name).items():
                arguments = self.arguments_of(function)
                answers += [
                    self.refused(user, name, method, self.ids_of(name), *arguments)
                    for user in (self.portal, self.public)
                ]
        self.assertAllRefused(answers)
        self.assertGreater(len(answers), 150)

    @mute_logger(*LOGGERS)
    def test_reading_and_writing_every_model(self):
        """I3: what Odoo gives to every model."""
        answers = []
        for name in self.our_models():
            for method, arguments in GENERAL.items():
                for user in (self.portal, self.public):
                    answer = self.refused(
                        user, name, method, self.ids_of(name), *arguments
                    )
                    # Refused with another reason, or by a model without a name.
                    if answer and "UserError" not in answer:
                        answers.append(answer)
        self.assertAllRefused(
            answer for answer in answers if "name_create answers False" not in answer
        )

    @mute_logger(*LOGGERS)
    def test_our_methods_on_the_models_of_others(self):
        """I3: on a contact that is their own, too."""
        answers = []
        for name in sorted(self.env):
            model = self.env[name]
            if model._abstract or model._original_module == "patient_reactivation":
                continue
            for method, function in self.our_methods(name).items():
                arguments = self.arguments_of(function)
                for user in (self.portal, self.public):
                    ids = self.ids_of(name)
                    if name == "res.partner":
                        ids = user.partner_id.ids
                    answers.append(self.refused(user, name, method, ids, *arguments))
        self.assertAllRefused(answers)
        self.assertGreater(len(answers), 10)

    def test_no_right_is_given_to_outsiders(self):
        """I3: by the table of rights, whatever the methods do."""
        rights = self.env["ir.model.access"].search(
            [("model_id.model", "in", self.our_models())]
        )
        self.assertGreater(len(rights), 50)
        internal = self.env.ref("base.group_user")
        for right in rights:
            self.assertIn(internal, right.group_id.all_implied_ids, right.name)
        for name in self.our_models():
            with self.subTest(name):
                self.assertTrue(
                    rights.filtered(
                        lambda right, name=name: right.model_id.model == name
                    )
                )


@tagged("post_install", "-at_install")
class TestStaff(RolesCase):
    """I1, I2: the front desk and the manager, by table; marketing without a role."""

    # What they may do: **c**reate, **r**ead, **w**rite, **u**nlink. A model that is
    # not here fails the test: whoever adds it says who may do what.
    RIGHTS = {
        # model: (front desk, manager)
        "reactivation.audience": ("", "r"),
        "reactivation.audience.preview": ("", "crwu"),
        "reactivation.audience.preview.line": ("", "crwu"),
        "reactivation.campaign": ("r", "crwu"),
        "reactivation.campaign.template": ("", "r"),
        "reactivation.campaign.template.method": ("", "r"),
        "reactivation.campaign.template.segment": ("", "r"),
        "reactivation.campaign.template.step": ("", "r"),
        "reactivation.channel.order": ("r", "crwu"),
        "reactivation.channel.status": ("r", "rw"),
        "reactivation.consent": ("cr", "cr"),
        "reactivation.contact.rule": ("r", "crwu"),
        "reactivation.cost": ("", "crwu"),
        "reactivation.coupon": ("r", "r"),
        "reactivation.coupon.budget": ("", ""),
        "reactivation.coupon.event": ("r", "r"),
        "reactivation.coupon.give": ("", "crwu"),
        "reactivation.delivery": ("r", "rw"),
        "reactivation.enroll": ("", "crwu"),
        "reactivation.enroll.line": ("", "crwu"),
        "reactivation.enrollment": ("r", "rw"),
        "reactivation.erase": ("", "crwu"),
        "reactivation.erasure": ("", "r"),
        "reactivation.external.visit": ("r", "crwu"),
        "reactivation.fee.bracket": ("r", "crwu"),
        "reactivation.fee.scale": ("r", "crwu"),
        "reactivation.feedback": ("r", "r"),
        "reactivation.feedback.answer": ("", "r"),
        "reactivation.method": ("r", "crwu"),
        "reactivation.no.contact": ("r", "r"),
        "reactivation.nps": ("", "r"),
        "reactivation.objection": ("crw", "crw"),
        "reactivation.offer.rule": ("r", "crwu"),
        "reactivation.outcome": ("r", "r"),
        "reactivation.patient": ("rw", "rw"),
        "reactivation.payment.option": ("r", "crwu"),
        "reactivation.payment.request": ("r", "r"),
        "reactivation.reason": ("r", "crwu"),
        "reactivation.reason.report": ("", "r"),
        "reactivation.rehearsal": ("", "crwu"),
        "reactivation.rehearsal.line": ("", "crwu"),
        "reactivation.report": ("", "r"),
        "reactivation.route": ("r", "r"),
        "reactivation.runner": ("r", "r"),
        "reactivation.segment": ("r", "crwu"),
        "reactivation.step": ("r", "crwu"),
        "reactivation.step.test": ("", "crwu"),
        "reactivation.suppression": ("r", "r"),
        "reactivation.suppression.lift": ("", "crw"),
        "reactivation.task.later": ("crw", "crw"),
        "reactivation.task.minutes": ("crw", "crw"),
        "reactivation.throttle": ("", ""),
        "reactivation.tier": ("r", "crwu"),
        "reactivation.token": ("", ""),
        "reactivation.visit": ("r", "r"),
        "reactivation.visit.source": ("r", "crwu"),
        "reactivation.work": ("r", "r"),
    }

    # What the front desk presses; everything else is refused.
    DESK_METHODS = {
        "reactivation.campaign": {
            "action_open_attention",
            "action_open_coupons",
            "action_open_deliveries",
            "action_open_enrollments",
            "action_open_letters",
            "action_open_no_contact",
            "action_open_runner",
            "action_open_templates",
            "action_open_work",
        },
    }

    def rights_of(self, user, name):
        model = self.env[name].with_user(user).sudo(False)
        operations = ("create", "read", "write", "unlink")
        return "".join(
            letter
            for letter, operation in zip("crwu", operations, strict=True)
            if model.has_access(operation)
        )

    def test_rights_by_table(self):
        """I1: every model of the addon."""
        found = {
            name: (self.rights_of(self.desk, name), self.rights_of(self.manager, name))
            for name in self.our_models()
        }
        self.assertEqual(found, self.RIGHTS)

    def refused(self, name, method, *arguments):
        try:
            self.call(self.desk, name, method, self.ids_of(name), *arguments)
        except UserError:
            return True
        return False

    @mute_logger(*LOGGERS)
    def test_front_desk_presses_nothing_of_a_campaign(self):
        """I1: every method of campaigns and what they are made of."""
        for name in (
            "reactivation.campaign",
            "reactivation.segment",
            "reactivation.method",
            "reactivation.step",
            "reactivation.campaign.template",
        ):
            allowed = {
                method
                for method, function in self.our_methods(name).items()
                if not self.refused(name, method, *self.arguments_of(function))
            }
            changing = allowed - self.DESK_METHODS.get(name, set())
            for method in changing:
                # What it may call opens something to read.
                self.assertRegex(method, "^action_open|^live_counts", name)

    @mute_logger(*LOGGERS)
    def test_front_desk_exports_nothing(self):
        """I1: not even one who may export other lists."""
        self.desk.group_ids += self.env.ref("base.group_allow_export")
        for name in self.our_models():
            if self.env[name]._transient or "r" not in self.RIGHTS.get(name, "r")[0]:
                continue
            if not {"partner_id", "enrollment_id"} & set(self.env[name]._fields):
                continue
            with self.assertRaises(UserError, msg=name):
                self.call(self.desk, name, "export_data", self.ids_of(name), ["id"])

    def test_front_desk_grants_no_consent(self):
        """I1: it records what patients withdraw."""
        consents = self.env["reactivation.consent"].with_user(self.desk)
        values = {
            "partner_id": self.ada.id,
            "company_id": self.clinic.id,
            "channel": "mail",
            "purpose": "offer",
        }
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            consents.create({**values, "state": "granted", "source": "desk"})

    def test_front_desk_has_its_work_list(self):
        """I1: what it needs for a morning's calls."""
        desk = self.env(user=self.desk)
        for name in (
            "reactivation.work",
            "reactivation.delivery",
            "reactivation.enrollment",
            "reactivation.patient",
            "reactivation.campaign",
        ):
            model = desk[name].with_context(allowed_company_ids=self.clinic.ids)
            with self.subTest(name):
                model.get_views([(False, "list"), (False, "search")])
                model.search_read([], limit=3)

    # ---------------------------------------------------------------- marketing

    # Facts of a contact that tell why somebody comes to a clinic, or that they do.
    FACTS = (
        "patient_status",
        "last_visit_date",
        "next_visit_date",
        "inactivity_days",
        "inactivity_tier_id",
        "lapse_reason_id",
        "visit_count",
        "visit_pattern",
        "is_patient",
    )

    def marketing(self):
        """Somebody who writes newsletters, and has no role in this addon."""
        return self._staff(
            "marketing",
            self.clinic,
            [Command.set(self.clinic.ids)],
            "mass_mailing.group_mass_mailing_user",
        )

    def test_marketing_without_a_role_learns_nothing(self):
        """I2: no patient, no fact of a contact, not by search, not by count."""
        user = self.marketing()
        for name in self.our_models():
            self.assertEqual(self.rights_of(user, name), "", name)
        contacts = self.env["res.partner"].with_user(user)
        contacts = contacts.with_context(allowed_company_ids=self.clinic.ids)
        ada = contacts.browse(self.ada.id)
        for name in self.FACTS:
            with self.subTest(name):
                self.assertFalse(self.told(lambda name=name: ada[name]))
                self.assertFalse(
                    self.told(
                        lambda name=name: contacts.search_count([(name, "!=", False)])
                    )
                )

    def told(self, question):
        """:return: the answer, nothing when it is refused"""
        self.env.invalidate_all()
        try:
            return question()
        except AccessError:
            return None

    def test_nothing_is_kept_that_names_a_disease(self):
        """I2: there is no such field; a manager's filter has none to use either."""
        telling = ("diagnos", "disease", "procedure", "treatment", "medication", "icd")
        for name in self.our_models(abstract=True):
            for field in self.env[name]._fields:
                for word in telling:
                    self.assertNotIn(word, field, name)

    def test_the_analysis_counts_without_names(self):
        """I2: the report that is shown around leads to no patient."""
        report = self.env["reactivation.report"]
        people = {
            name
            for name, field in report._fields.items()
            if field.comodel_name
            in ("res.partner", "reactivation.patient", "reactivation.enrollment")
        }
        # Who treats, not who is treated.
        self.assertEqual(people, {"practitioner_id"})


@tagged("post_install", "-at_install")
class TestOtherCompany(RolesCase):
    """H5 for every model: what belongs to the other clinic is not there."""

    @mute_logger(*LOGGERS)
    def test_every_model_by_number(self):
        """H5: read and changed by nobody of this clinic."""
        asked = set()
        for name in self.our_models():
            model = self.env[name]
            if "company_id" not in model._fields or model._transient:
                continue
            found = model.sudo().search(
                [("company_id", "=", self.other_clinic.id)], limit=1
            )
            for record in found:
                asked.add(name)
                for method, arguments in (("read", [["id"]]), *WRITING):
                    with (
                        self.subTest(f"{name}.{method}"),
                        self.assertRaises(UserError),
                    ):
                        self.call(self.manager, name, method, record.ids, *arguments)
                ids = self.call(
                    self.manager, name, "search", [], [("id", "in", record.ids)]
                )
                self.assertFalse(ids, name)
        self.assertGreater(len(asked), 8)

    @mute_logger(*LOGGERS)
    def test_every_method_on_the_other_companys_records(self):
        """H5: buttons too."""
        wrong = []
        for name in self.our_models():
            model = self.env[name]
            if "company_id" not in model._fields or model._transient:
                continue
            record = model.sudo().search(
                [("company_id", "=", self.other_clinic.id)], limit=1
            )
            for method, function in self.our_methods(name).items():
                if not record or getattr(function, "_api_model", False):
                    continue
                arguments = self.arguments_of(function)
                try:
                    self.call(self.manager, name, method, record.ids, *arguments)
                except UserError:
                    continue
                wrong.append(f"{name}.{method}")
        # The runner is one for all companies, and says no names.
        self.assertEqual(wrong, ["reactivation.campaign.action_open_runner"])

    def test_every_model_has_a_rule(self):
        """H5: also those that happen to be empty here."""
        rules = self.env["ir.rule"].sudo().search([("global", "=", True)])
        # A source is read for all companies at once: its company is only that of the
        # visits that say none.
        for name in set(self.our_models()) - {"reactivation.visit.source"}:
            model = self.env[name]
            if "company_id" not in model._fields or model._transient:
                continue
            own = rules.filtered(
                lambda rule, name=name: (
                    rule.model_id.model == name
                    and "company" in (rule.domain_force or "")
                )
            )
            self.assertTrue(own, name)


WRITING = (("write", [{"write_date": False}]), ("unlink", []))


@tagged("post_install", "-at_install")
class TestCode(RolesCase):
    """I7: a manager who may not write code writes none, wherever texts are written."""

    CODES = (
        "{{ object.env['res.users'].search([]) }}",
        "{{ object.env.cr.dbname }}",
        "{{ object.__class__ }}",
    )
    TAGS = (
        "<t t-out=\"object.env['ir.config_parameter'].get_param('database.secret')\"/>",
        '<t t-foreach="object.env[\'res.users\'].search([])" t-as="u" t-out="u.id"/>',
        '<t t-set="x" t-value="object.env.cr.execute(\'SELECT 1\')"/>',
        '<p t-att-title="object.env.user.login">Hello</p>',
        '<t t-call="web.login"/>',
    )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].sudo().set_param(
            "mail.restrict.template.rendering", True
        )
        cls.as_manager = cls.env(
            user=cls.manager,
            context={**cls.env.context, "allowed_company_ids": cls.clinic.ids},
        )
        # Not running: its texts may be changed.
        cls.draft = cls.campaign(name="Draft")
        cls.step = cls.draft.method_ids.step_ids
        cls.mailing = cls.step.mailing_ids.with_env(cls.as_manager)

    def test_manager_is_no_template_editor(self):
        self.assertFalse(
            self.manager.has_group("mail.group_mail_template_editor"),
            "Otherwise this class proves nothing",
        )
        self.mailing.body_html = "<p>Hello <a href='/unsubscribe_from_list'>x</a></p>"
        self.assertIn("Hello", self.mailing.body_html)

    @mute_logger(*LOGGERS)
    def test_code_in_the_e_mail(self):
        """I7: refused when it is saved."""
        for field, codes in (
            ("subject", self.CODES),
            ("preview", self.CODES),
            ("body_html", self.TAGS),
        ):
            for code in codes:
                with (
                    self.subTest(f"{field}: {code}"),
                    self.assertRaises(UserError),
                    self.env.cr.savepoint(),
                ):
                    self.mailing[field] = code
                    self.mailing.flush_recordset()

    def written(self, field, text):
        """A text of the step as a patient gets it."""
        step = self.step.with_env(self.as_manager)
        step[field] = text
        step.flush_recordset()
        delivery = self.env["reactivation.delivery"].search(
            [("partner_id", "=", self.ada.id)], limit=1
        )
        self.assertTrue(delivery)
        return str(step.sudo()._fill(step[field], delivery))

    def test_code_in_scripts_and_messages(self):
        """I7, F2: stays the text it is."""
        for field in ("script", "message"):
            for code in (
                *self.CODES,
                *self.TAGS,
                "{first_name.__class__}",
                "{0}",
                "%s",
            ):
                with self.subTest(f"{field}: {code}"):
                    self.assertEqual(self.written(field, code), code)

    def test_code_in_letters(self):
        """I7: what is a template elsewhere is markup without meaning here."""
        for code in self.TAGS:
            with self.subTest(code):
                text = self.written("letter_body", f"<p>Dear {code} you</p>")
                self.assertNotIn("t-", text.replace("t-att-title", ""))
        for code in self.CODES:
            text = self.written("letter_body", f"<p>{code}</p>")
            self.assertIn(code.split("'")[0].strip("{ "), text)
        text = self.written(
            "letter_body", "<p onclick='x()'>a<script>alert(1)</script></p>"
        )
        self.assertNotIn("script", text)
        self.assertNotIn("onclick", text)

    @mute_logger(*LOGGERS)
    def test_code_in_server_actions(self):
        """I7: only administrators write any."""
        values = {
            "name": "Mine",
            "model_id": self.env["ir.model"]._get_id("reactivation.enrollment"),
            "state": "code",
            "code": "env.user.write({'name': 'Owned'})",
        }
        with self.assertRaises(AccessError):
            self.as_manager["ir.actions.server"].create(values)
        action = self.env["ir.actions.server"].create({**values, "code": "pass"})
        with self.assertRaises(AccessError):
            action.with_env(self.as_manager).code = values["code"]
        with self.assertRaises(AccessError):
            action.with_env(self.as_manager).reactivation_campaign_id = self.draft

    def test_action_for_others_is_not_chosen(self):
        """I7: a step runs its action as the server; only what its author may run."""
        action = self.env["ir.actions.server"].create(
            {
                "name": "For administrators",
                "model_id": self.env["ir.model"]._get_id("reactivation.enrollment"),
                "state": "code",
                "code": "pass",
                "group_ids": [Command.link(self.env.ref("base.group_system").id)],
            }
        )
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.step.with_env(self.as_manager).action_id = action
