from dateutil.relativedelta import relativedelta
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, format_date

from ..tools.fee_scale import LARGEST_HOUSEHOLD
from ..tools.placeholders import plain
from ..tools.spreadsheets import neutral_rows
from .reactivation_token import REMEMBERED

DECIDERS = "patient_reactivation.group_reactivation_payment"

STATES = [
    ("asked", "Asked For"),
    ("submitted", "To Decide"),
    ("approved", "Approved"),
    ("refused", "Refused"),
    ("canceled", "Canceled"),
]

SOURCES = [
    ("survey", "Survey"),
    ("desk", "Front desk"),
]

# The form can be filled in so long after it was asked for.
FORM_DAYS = 60

FIGURES = ("household_size", "bracket_id", "is_above")

# What whoever decides fills in, until it is decided. The rest follows from buttons.
TO_FILL_IN = (*FIGURES, "note", "pricelist_id", "date_to")
BY_BUTTONS = (
    "asked_on",
    "company_id",
    "date_from",
    "decided_by_id",
    "decided_on",
    "feedback_id",
    "figures_removed_on",
    "partner_id",
    "scale_id",
    "source",
    "state",
    "submitted_on",
    "told_on",
    "told_refusal",
)

# Since when figures are not needed any more.
SETTLED_SQL = "COALESCE(decided_on, submitted_on, asked_on)"


class ReactivationPaymentRequest(models.Model):
    """A patient asks for help with the cost, and what was decided.

    Household and income are seen by who decides and nobody else, and are removed when
    they are not needed any more.
    """

    _name = "reactivation.payment.request"
    _description = "Payment Help Request"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _rec_name = "partner_id"
    _check_company_auto = True

    partner_id = fields.Many2one(
        "res.partner",
        string="Patient",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
        ondelete="restrict",
    )
    feedback_id = fields.Many2one(
        "reactivation.feedback",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    scale_id = fields.Many2one(
        "reactivation.fee.scale",
        string="Sliding Scale",
        readonly=True,
        ondelete="restrict",
        groups=DECIDERS,
    )
    source = fields.Selection(SOURCES, required=True, readonly=True, default="desk")
    state = fields.Selection(
        STATES,
        required=True,
        readonly=True,
        default="asked",
        tracking=True,
        group_expand=True,
    )
    asked_on = fields.Datetime(
        required=True, readonly=True, default=lambda self: fields.Datetime.now()
    )
    submitted_on = fields.Datetime(string="Filled In", readonly=True)
    household_size = fields.Integer(string="People in the Household", groups=DECIDERS)
    bracket_id = fields.Many2one(
        "reactivation.fee.bracket",
        string="Income Band",
        ondelete="restrict",
        domain="[('scale_id', '=', scale_id)]",
        groups=DECIDERS,
    )
    is_above = fields.Boolean(string="Income Above the Scale", groups=DECIDERS)
    band_text = fields.Char(
        string="Income", compute="_compute_band_text", groups=DECIDERS
    )
    pays_text = fields.Char(
        string="Would Pay", compute="_compute_band_text", groups=DECIDERS
    )
    figures_removed_on = fields.Datetime(readonly=True)
    note = fields.Text(
        string="Note on the Decision",
        groups=DECIDERS,
        help="Why; the patient does not read it. Removed with household and income.",
    )
    pricelist_id = fields.Many2one(
        "product.pricelist",
        compute="_compute_pricelist_id",
        store=True,
        readonly=False,
        ondelete="restrict",
        check_company=True,
        groups=DECIDERS,
    )
    date_from = fields.Date(string="In Force From", readonly=True)
    date_to = fields.Date(
        string="In Force Until",
        help="The last day of these prices. Empty: as long as the clinic's settings "
        "say, from the approval on.",
    )
    is_in_force = fields.Boolean(
        compute="_compute_is_in_force", search="_search_is_in_force"
    )
    decided_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    decided_on = fields.Datetime(readonly=True)
    told_on = fields.Datetime(string="Patient Told On", readonly=True)
    told_refusal = fields.Char(
        string="Why Not Told by E-mail",
        readonly=True,
        help="Somebody has to tell the patient otherwise: there is a task for it.",
    )

    _open_uniq = models.UniqueIndex(
        "(partner_id, company_id) WHERE state IN ('asked', 'submitted')",
        "This patient has asked already, and it is not decided yet.",
    )
    _force_idx = models.Index("(partner_id, date_to) WHERE state = 'approved'")
    _settled_idx = models.Index(f"({SETTLED_SQL}) WHERE figures_removed_on IS NULL")

    # ------------------------------------------------------------------ compute

    @api.depends("household_size", "bracket_id", "is_above", "scale_id")
    @api.depends_context("lang")
    def _compute_band_text(self):
        for request in self:
            request.band_text = request.pays_text = False
            scale, household = request.scale_id.sudo(), request.household_size
            if not scale or not 1 <= household <= LARGEST_HOUSEHOLD:
                continue
            bracket = request.bracket_id.sudo()
            if not bracket and not request.is_above:
                continue
            for found, text in scale.with_env(self.env).sudo()._bands(household):
                # Three or four bands.
                if found == bracket:
                    request.band_text = text
            request.pays_text = (
                bracket._pays_text() if bracket else self.env._("the full fee")
            )

    @api.depends("bracket_id")
    def _compute_pricelist_id(self):
        for request in self:
            if request.state in ("asked", "submitted"):
                request.pricelist_id = request.bracket_id.pricelist_id

    @api.depends("state", "date_from", "date_to")
    def _compute_is_in_force(self):
        for request in self:
            today = request.company_id._reactivation_today()
            request.is_in_force = (
                request.state == "approved"
                and bool(request.date_from and request.date_to)
                and request.date_from <= today <= request.date_to
            )

    @api.model
    def _search_is_in_force(self, operator, value):
        if operator != "in":
            return NotImplemented
        today = self.env.company._reactivation_today()
        domain = [
            ("state", "=", "approved"),
            ("date_from", "<=", today),
            ("date_to", ">=", today),
        ]
        return domain if True in value else ["!", "&", "&", *domain]

    # -------------------------------------------------------------- constraints

    @api.constrains("household_size", "bracket_id", "is_above", "state")
    def _check_household_size(self):
        """Nobody was told: 0. An income is one of a household."""
        for request in self:
            told = request.bracket_id or request.is_above
            smallest = 1 if told else 0
            if not smallest <= request.household_size <= LARGEST_HOUSEHOLD:
                raise ValidationError(self._household_sentence())

    @api.model
    def _household_sentence(self):
        return self.env._(
            "“People in the Household” must be between 1 and %s: count yourself, and "
            "everybody who lives from the same income.",
            LARGEST_HOUSEHOLD,
        )

    @api.constrains("bracket_id", "scale_id")
    def _check_bracket_id(self):
        for request in self:
            if request.bracket_id and request.bracket_id.scale_id != request.scale_id:
                raise ValidationError(
                    self.env._("The income band is one of another scale.")
                )

    def write(self, vals):
        if not self.env.su:
            self._check_written(vals)
        return super().write(vals)

    def _check_written(self, vals):
        """A field that is read-only in the form is so for everybody.

        :raise AccessError: it follows from a button
        :raise UserError: it is decided, and what was decided on stays
        """
        if not vals.keys().isdisjoint(BY_BUTTONS):
            raise AccessError(
                self.env._(
                    "Status and dates of a request follow from its buttons: approve, "
                    "refuse or end it there."
                )
            )
        if not vals.keys().isdisjoint(TO_FILL_IN):
            for request in self:
                request._refuse_decided()

    # --------------------------------------------------------------------- asking

    @api.model
    def _ask(self, partners, company, source, feedback=None):
        """Note that patients ask for help; who has an open request keeps that one.

        :param dict feedback: {contact: feedback it was said in}
        :return: {contact: request}
        """
        feedback = feedback or {}
        requests = self.sudo()
        known = requests.search(
            [
                ("partner_id", "in", partners.ids),
                ("company_id", "=", company.id),
                ("state", "in", ("asked", "submitted")),
            ]
        )
        found = {request.partner_id: request for request in known}
        fresh = partners - known.partner_id
        scale = self.env["reactivation.payment.option"]._open_scale(company)
        created = requests.create(
            [
                {
                    "partner_id": partner.id,
                    "company_id": company.id,
                    "scale_id": scale.id,
                    "source": source,
                    "feedback_id": feedback[partner].id
                    if partner in feedback
                    else False,
                }
                for partner in fresh
            ]
        )
        until = fields.Datetime.now() + relativedelta(days=FORM_DAYS) + REMEMBERED
        self.env["reactivation.token"]._ensure("payment_request_id", created, until)
        created.filtered(lambda item: not item._form_is_open())._call_without_form()
        return found | {request.partner_id: request for request in created}

    def _call_without_form(self):
        """There is nothing to fill in: somebody has to speak with the patient."""
        for company, group in self.grouped("company_id").items():
            # One clinic, nearly always.
            user = company._reactivation_follow_up_user()
            texts = group.with_context(mail_activity_quick_update=True, lang=user.lang)
            texts.activity_schedule(
                "mail.mail_activity_data_call",
                user_id=user.id,
                date_deadline=company._reactivation_today(),
                summary=texts.env._("Speak about help with the cost: there is no form"),
            )

    def _form_link(self):
        """:return: address of the patient's form"""
        self.ensure_one()
        secret = self.env["reactivation.token"]._secret(self)
        return f"{self.get_base_url()}/reactivation/payment/{secret}"

    def _form_is_open(self):
        self.ensure_one()
        return (
            self.state == "asked"
            and bool(self.partner_id)
            and bool(self.sudo().scale_id.bracket_ids)
            and self.asked_on + relativedelta(days=FORM_DAYS) > fields.Datetime.now()
        )

    def _submit(self, household, band):
        """The patient has filled in the form.

        :param household: as it came from the form
        :param band: id of a bracket as it came from the form; "above" for none
        :raise UserError: naming the field and the remedy
        """
        self.ensure_one()
        request = self.sudo()
        size = self._read_household(household)
        bands = request.scale_id._bands(size)
        chosen = str(band or "").strip()
        keys = {str(bracket.id or "above"): bracket for bracket, _text in bands}
        if chosen not in keys:
            raise UserError(
                self.env._("“Income of the household”: choose one of the lines.")
            )
        # Two taps on “Send”: the second waits, and finds what the first one made.
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM reactivation_payment_request WHERE id = %s FOR UPDATE",
                self.id,
            )
        )
        request.invalidate_recordset()
        if request.state != "asked":
            # Sent twice, or from two tabs: the first one counts.
            return
        request.write(
            {
                "household_size": size,
                "bracket_id": keys[chosen].id,
                "is_above": not keys[chosen],
                "state": "submitted",
                "submitted_on": fields.Datetime.now(),
            }
        )
        request._tell_deciders()

    @api.model
    def _read_household(self, value):
        """:return: int: number of people of a text
        :raise UserError: it is none"""
        text = str(value or "").strip()
        if not (text.isascii() and text.isdecimal() and len(text) <= 3):
            raise UserError(self._household_sentence())
        if not 1 <= int(text) <= LARGEST_HOUSEHOLD:
            raise UserError(self._household_sentence())
        return int(text)

    def _tell_deciders(self):
        """A task for somebody who may decide."""
        for request in self:
            # One form is sent at a time.
            deciders = (
                self.env.ref(DECIDERS)
                .sudo()
                .all_user_ids.filtered(
                    lambda user, request=request: (
                        user.active
                        and not user.share
                        and request.company_id in user.company_ids
                    )
                )
                .sorted("id")
            )
            if deciders:
                request.with_context(
                    mail_activity_quick_update=True, lang=deciders[0].lang
                ).activity_schedule(
                    "mail.mail_activity_data_todo",
                    user_id=deciders[0].id,
                    date_deadline=request.company_id._reactivation_today(),
                    summary=request.with_context(lang=deciders[0].lang).env._(
                        "Decide on payment help"
                    ),
                )

    # ------------------------------------------------------------------ deciding

    def _check_decider(self):
        self.check_access("write")
        if not self.env.su and not self.env.user.has_group(DECIDERS):
            raise AccessError(
                self.env._("Only people who decide on payment help may do this.")
            )

    def action_approve(self):
        """The prices hold from today until the last day; the patient is told."""
        self._check_decider()
        for request in self:
            # Decided one by one, each with its note.
            request._refuse_decided()
            today = request.company_id._reactivation_today()
            if not request.pricelist_id:
                raise UserError(
                    self.env._("“Pricelist”: choose the prices this patient pays.")
                )
            until = request.date_to or today + relativedelta(
                months=request.company_id.reactivation_payment_term
            )
            if until < today:
                raise UserError(
                    self.env._("“In Force Until”: choose today or a later day.")
                )
            # The last decision counts, from its day on.
            earlier = self.search(
                [
                    ("partner_id", "=", request.partner_id.id),
                    ("company_id", "=", request.company_id.id),
                    ("state", "=", "approved"),
                    ("date_to", ">=", today),
                    ("id", "!=", request.id),
                ]
            )
            earlier.sudo().write({"date_to": today - relativedelta(days=1)})
            request.sudo().write(
                {
                    **request._decision("approved"),
                    "date_from": today,
                    "date_to": until,
                }
            )
        self._tell_patients()

    def action_refuse(self):
        self._check_decider()
        for request in self:
            request._refuse_decided()
            if not (request.note or "").strip():
                raise UserError(
                    self.env._(
                        "“Note on the Decision”: say why, so that whoever decides next "
                        "time can understand it."
                    )
                )
            request.sudo().write(request._decision("refused"))
        self._tell_patients()

    def action_end(self):
        """The prices do not hold any more, from now on."""
        self._check_decider()
        for request in self:
            if not request.is_in_force:
                raise UserError(self.env._("This request is not in force."))
            yesterday = request.company_id._reactivation_today() - relativedelta(days=1)
            request.sudo().date_to = yesterday

    def action_cancel(self):
        """The patient does not want it any more."""
        self.check_access("write")
        self.filtered(lambda item: item.state in ("asked", "submitted")).sudo().write(
            {"state": "canceled", "decided_on": fields.Datetime.now()}
        )
        self.activity_unlink(
            ["mail.mail_activity_data_todo", "mail.mail_activity_data_call"]
        )

    def _refuse_decided(self):
        if self.state not in ("asked", "submitted"):
            raise UserError(self.env._("This request is decided already."))
        if not self.partner_id:
            raise UserError(self.env._("The patient was deleted."))

    def _decision(self, state):
        self.activity_ids.filtered(
            lambda item: item.res_model == self._name
        ).sudo().action_feedback()
        return {
            "state": state,
            "decided_by_id": self.env.uid,
            "decided_on": fields.Datetime.now(),
        }

    # ------------------------------------------------------------------- telling

    def _tell_patients(self):
        """Write to the patients what was decided; where that may not be, somebody of
        the clinic gets a task to tell them."""
        for request in self.sudo():
            # A message each, right after the decision.
            recipient = request._recipient()
            refusal = self.env["reactivation.contact.policy"]._mail_refusal(
                recipient, request.company_id, "care"
            )
            if refusal:
                request._tell_otherwise(refusal)
                continue
            channel = self.env["reactivation.channel"]
            lang = channel._reader_lang(recipient, request.company_id)
            request._post_decision(recipient, lang)
            request.write({"told_on": fields.Datetime.now(), "told_refusal": False})

    def _recipient(self):
        """:return: the patient, or the guardian of a minor"""
        partner, company = self.partner_id, self.company_id
        adult_since = self.env["reactivation.contact.policy"]._adult_since(company)
        if partner.birth_date and partner.birth_date > adult_since:
            return partner.guardian_id
        return partner

    def _post_decision(self, recipient, lang):
        texts = self.with_context(lang=lang)
        name = plain(self.partner_id.name).split(" ")[0]
        lines = [texts.env._("Hello %s,", name), *texts._decision_lines()]
        self.with_context(lang=lang).message_post(
            body=Markup().join(Markup("<p>%s</p>") % line for line in lines),
            subject=texts.env._("Your request to %s", self.company_id.name),
            author_id=self.company_id.partner_id.id,
            email_from=self.company_id.email_formatted,
            partner_ids=recipient.ids,
            message_type="comment",
            # A note: nobody else is told.
            subtype_xmlid="mail.mt_note",
            email_layout_xmlid="patient_reactivation.mail_layout_plain",
            **self._reply_values(),
        )

    def _reply_values(self):
        """:return: dict: a reply goes to the clinic, and not onto the request, where
        the figures it may tell would stay"""
        address = self.company_id.email_formatted
        return {"reply_to_force_new": True} | ({"reply_to": address} if address else {})

    def _decision_lines(self):
        """:return: list of str: what the patient reads; no figures"""
        company = self.company_id
        if self.state == "approved":
            return [
                self.env._(
                    "we have approved your request. Our reduced prices hold for you "
                    "until %s.",
                    format_date(self.env, self.date_to),
                ),
                self.env._(
                    "You need not bring or show anything: it is noted with us. If you "
                    "have questions, call us at %s.",
                    company.phone,
                )
                if company.phone
                else self.env._(
                    "You need not bring or show anything: it is noted with us."
                ),
            ]
        return [
            self.env._(
                "we have looked at your request, and cannot offer you the reduced "
                "prices."
            ),
            self.env._(
                "There may be another way, for example to pay in parts. Call us at %s, "
                "and we will look for one together.",
                company.phone,
            )
            if company.phone
            else self.env._(
                "There may be another way, for example to pay in parts. Please speak "
                "with us."
            ),
        ]

    def _tell_otherwise(self, refusal):
        labels = dict(
            self.env["reactivation.delivery"]
            ._fields["reason"]
            ._description_selection(self.env)
        )
        self.told_refusal = labels.get(refusal, refusal)
        if refusal in ("deceased", "erased"):
            return
        user = self.decided_by_id or self.company_id._reactivation_follow_up_user()
        self.with_context(mail_activity_quick_update=True).activity_schedule(
            "mail.mail_activity_data_call",
            user_id=user.id,
            date_deadline=self.company_id._reactivation_today(),
            summary=self.with_context(lang=user.lang).env._(
                "Tell the patient what was decided"
            ),
        )

    # ------------------------------------------------------------------ retention

    @api.model
    def _remove_figures(self, company, limit=1000):
        """Remove what patients told of their household and income, and is not needed
        any more; the decision stays. Who was not decided about for so long is not going
        to be: that request is closed.

        :return: int: number of requests
        """
        now = fields.Datetime.now()
        before = now - relativedelta(months=company.reactivation_payment_months)
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM reactivation_payment_request
                    WHERE company_id = %s AND figures_removed_on IS NULL
                      AND %s <= CASE WHEN state IN ('asked', 'submitted')
                                     THEN LEAST(%s, %s) ELSE %s END
                    LIMIT %s""",
                company.id,
                SQL(SETTLED_SQL),
                before,
                now - relativedelta(days=FORM_DAYS),
                before,
                limit,
            )
        )
        old = self.sudo().browse(row[0] for row in rows)
        old._forget_figures()
        undecided = old.filtered(lambda item: item.state in ("asked", "submitted"))
        undecided.write({"state": "canceled", "decided_on": now})
        undecided.activity_ids.unlink()
        return len(old)

    def _forget_figures(self):
        """Household and income, and every text in which they may have been told."""
        requests = self.sudo()
        # The prices stay as they were decided; those that were only proposed would tell
        # the income.
        approved = requests.filtered(lambda item: item.state == "approved")
        kept = {request: request.pricelist_id for request in approved}
        requests.write(
            {
                "figures_removed_on": fields.Datetime.now(),
                "household_size": 0,
                "bracket_id": False,
                "is_above": False,
                "note": False,
            }
        )
        for request, pricelist in kept.items():
            # Written together at the flush.
            request.pricelist_id = pricelist
        requests._forget_texts()

    def _forget_texts(self):
        """The conversation stays as a fact, without its words."""
        thread = [("res_id", "in", self.ids)]
        messages = self.env["mail.message"].sudo()
        said = messages.search([("model", "=", self._name), *thread])
        said.write({"body": "", "subject": False})
        files = self.env["ir.attachment"].sudo()
        files.search([("res_model", "=", self._name), *thread]).unlink()
        # Tasks that are done, with what was said.
        tasks = self.env["mail.activity"].sudo().with_context(active_test=False)
        tasks.search(
            [("res_model", "=", self._name), ("active", "=", False), *thread]
        ).unlink()

    def _mail_get_operation_for_mail_message_operation(self, message_operation):
        """What is said on a request is read by those who may decide."""
        if message_operation == "read":
            return dict.fromkeys(self, "write")
        return super()._mail_get_operation_for_mail_message_operation(message_operation)

    # -------------------------------------------------------------------- prices

    @api.model
    def _in_force(self, partner_ids, company):
        """:return: {contact id: pricelist} of who has reduced prices today"""
        if not partner_ids:
            return {}
        today = company._reactivation_today()
        requests = self.sudo().search(
            [
                ("partner_id", "in", list(partner_ids)),
                ("company_id", "=", company.id),
                ("state", "=", "approved"),
                ("date_from", "<=", today),
                ("date_to", ">=", today),
            ],
            order="id",
        )
        return {
            request.partner_id.id: request.pricelist_id
            for request in requests
            if request.pricelist_id.active
        }

    # ------------------------------------------------------------------ actions

    def action_open_form(self):
        """Open the patient's form, to be filled in on a tablet at the desk."""
        self.check_access("read")
        self.ensure_one()
        if not self._form_is_open():
            raise UserError(
                self.env._(
                    "There is no form to fill in: the request is decided or too old, "
                    "or the clinic has no sliding scale for today."
                )
            )
        return {"type": "ir.actions.act_url", "target": "new", "url": self._form_link()}

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
