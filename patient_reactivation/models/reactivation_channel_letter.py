from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date, html2plaintext, is_html_empty

from odoo.addons.base.models.ir_actions_report import _wkhtml as wkhtmltopdf

from ..tools import letters
from ..tools.languages import own_name
from ..tools.own_content import without_foreign
from ..tools.pictures import qr_png
from ..tools.placeholders import plain
from ..tools.problems import problem

# Millimeters that a coupon takes on the page, with its square to scan.
COUPON_HEIGHT = 34

# So many coupons are printed with their square: a family may have more.
MOST_BOXES = 2


class ReactivationChannelLetter(models.AbstractModel):
    """Letter: printed for a window envelope, with many others at once.

    The delivery is done when somebody says that the letter is in the mail.
    """

    _name = "reactivation.channel.letter"
    _inherit = "reactivation.channel.manual"
    _description = "Letter Channel"
    _address_kind = "post"
    _activity_xml_id = "patient_reactivation.mail_activity_type_letter"

    @api.model
    def _address_refusal_sql(self):
        """A street and a town, and the postal code where the country has one; a state
        that the country asks for follows from the code."""
        return SQL(
            r"""CASE
                WHEN COALESCE(trim(recipient.street), '') = ''
                     AND COALESCE(trim(recipient.street2), '') = ''
                     AND COALESCE(trim(recipient.city), '') = '' THEN 'no_address'
                WHEN concat(recipient.street, recipient.street2) !~ '[[:alnum:]]'
                     OR COALESCE(recipient.city, '') !~ '[[:alnum:]]'
                     OR COALESCE(recipient.name, '') !~ '[[:alnum:]]'
                     OR lower(trim(recipient.street)) IN ('n/a', 'na', 'unknown')
                     THEN 'invalid_address'
                WHEN COALESCE(recipient.zip, '') !~ '[[:alnum:]]'
                     AND NOT EXISTS (
                         SELECT FROM res_country country
                          WHERE country.id = recipient.country_id
                            AND country.zip_required IS FALSE)
                     THEN 'invalid_address'
            END"""
        )

    @api.model
    def _addresses_sql(self):
        """The house with the name at the door: neighbors are no family."""
        return SQL(
            r"""ARRAY[lower(regexp_replace(concat_ws(' ',
                recipient.street, recipient.street2, recipient.zip, recipient.city,
                recipient.country_id, (regexp_match(trim(recipient.name), '\S+$'))[1]
                ), '[^[:alnum:]]+', ' ', 'g'))]::text[]"""
        )

    @api.model
    def _has_content(self, step):
        return not is_html_empty(step.letter_body)

    @api.model
    def _step_problems(self, step):
        if is_html_empty(step.letter_body):
            return [self.env._("Step “%s” has no letter. Write one first.", step.name)]
        problems = step._placeholder_problems("letter_body")
        company = step.company_id.sudo()
        if not (company.street and company.city):
            problems.append(
                problem(
                    self.env._(
                        "There are letters, and %(company)s has no postal address to "
                        "answer to. Enter it in the company's form.",
                        company=company.name,
                    ),
                    step.company_id._reactivation_mendable(),
                )
            )
        layout = letters.LAYOUTS[self._layout(company)]
        for lang, label in self.env["res.lang"].get_installed():
            # A handful of languages.
            text = html2plaintext(step.with_context(lang=lang).letter_body or "")
            boxes = COUPON_HEIGHT if step.offer != "none" else 0
            if not letters.body_size(text, layout, boxes):
                problems.append(
                    self.env._(
                        "The letter of step “%(step)s” does not fit on one page "
                        "(%(language)s). Make it shorter.",
                        step=step.name,
                        language=own_name(label),
                    )
                )
        return problems

    @api.model
    def _summary(self, delivery):
        return self.env._("Send a letter to %(patient)s", patient=self._whom(delivery))

    @api.model
    def _note(self, delivery):
        """To whom, and where the letter is printed."""
        address = self._address_lines(delivery)
        lines = [
            Markup("<p>%s</p>") % Markup("<br/>").join(address),
            *self._person_lines(delivery),
            Markup("<p>%s</p>")
            % self.env._("Print it under Letters to Print, then mark it as sent."),
        ]
        return Markup().join(lines)

    # -------------------------------------------------------------------- print

    @api.model
    def _layout(self, company):
        """:return: name of the envelope's layout, see `tools.letters`"""
        return letters.layout_of(company.country_id.code, company.paperformat_id.format)

    @api.model
    def _page(self, delivery):
        """:return: dict of all that one page says, for the report's template"""
        delivery = delivery.sudo()
        company, recipient = delivery.company_id, delivery.recipient_id
        lang = self._reader_lang(recipient, company)
        texts = self.with_context(lang=lang)
        step = delivery.step_id.with_context(lang=lang)
        layout = letters.LAYOUTS[self._layout(company)]
        address = letters.cut(self._address_lines(delivery))
        # What makes the page fetches nothing from anywhere but this server.
        body = Markup(
            without_foreign(
                step._fill(step.letter_body, delivery), company.get_base_url()
            )
        )
        coupons = delivery._with_members().coupon_id.with_context(lang=lang)
        coupons = coupons._lawful_to_show()
        if len(coupons) > MOST_BOXES:
            # A large family: the text names the codes.
            coupons = coupons.browse()
        survey = delivery.enrollment_id.feedback_ids[:1]
        if not step.survey_id or survey.answered_on:
            survey = survey.browse()
        return {
            **self._styles(
                layout, address, body, (len(coupons) + len(survey)) * COUPON_HEIGHT
            ),
            "coupons": [coupon._letter_values() for coupon in coupons],
            "survey": survey and qr_png(survey._links()[survey.id]),
            "lang": lang.replace("_", "-"),
            "direction": self.env["res.lang"]._get_data(code=lang).direction,
            "address": address,
            "sender": self._sender_lines(company),
            "date": format_date(texts.env, company._reactivation_today(), lang, "long"),
            "body": body,
            "objection": texts._objection(company),
        }

    @api.model
    def _styles(self, layout, address, body, besides):
        """:return: {part of the page: where it stands and how large it is printed}"""
        scale = 1 if wkhtmltopdf().is_patched_qt else letters.UNPATCHED

        def place(size, *where):
            return (
                f"{letters.place_style(layout, *where)} font-size: {size * scale:.2f}pt"
            )

        address_size, address_top = letters.address_place(address, layout)
        body_size = letters.body_size(html2plaintext(body), layout, besides)
        return {
            "page_style": letters.page_style(layout),
            "sender_style": place(9, layout.margin, 12, None, 30),
            "return_style": layout.name != "us"
            and place(6, layout.left, layout.top - 6, layout.width, 5)
            + "; white-space: nowrap; text-decoration: underline",
            "address_style": place(
                address_size,
                layout.left,
                address_top,
                layout.width,
                layout.top + layout.height - address_top,
            ),
            "body_style": place(
                body_size or letters.SMALLEST,
                layout.margin,
                layout.body_top,
                None,
                letters.body_height(layout),
            ),
        }

    @api.model
    def _objection(self, company):
        """:return: how to say no to further letters, in the reader's language"""
        if not company.phone:
            return self.env._(
                "If you would rather not get letters like this one, please tell us."
            )
        return self.env._(
            "If you would rather not get letters like this one, please tell us: "
            "%(phone)s",
            phone=company.phone,
        )

    @api.model
    def _addressee(self, delivery):
        """:return: the name on the envelope: whoever is written to, and the others of
        a family"""
        recipient, patients = delivery.recipient_id, delivery._patients()
        if recipient in patients and len(patients) > 1:
            return self._who(delivery)
        return plain(recipient.name)

    @api.model
    def _address_lines(self, delivery):
        """:return: list of the lines of the address, in the order of its country. The
        country itself, in the clinic's language, when it is not the clinic's."""
        company = delivery.company_id.sudo()
        lang = company.partner_id.lang or "en_US"
        if lang not in dict(self.env["res.lang"].get_installed()):
            lang = "en_US"
        recipient = delivery.recipient_id.sudo().with_context(lang=lang)
        form, values = recipient._prepare_display_address(without_company=True)
        foreign = recipient.country_id and recipient.country_id != company.country_id
        values["country_name"] = values["country_name"].upper() if foreign else ""
        if "country_name" not in form:
            form += "\n%(country_name)s"
        lines = [plain(line) for line in (form % values).splitlines()]
        who = self.with_context(lang=delivery.recipient_id.lang or lang)
        return [who._addressee(delivery), *(line for line in lines if line)]

    @api.model
    def _sender_lines(self, company):
        """:return: list of the lines of the clinic's return address"""
        form, values = company.partner_id._prepare_display_address(without_company=True)
        values["country_name"] = ""
        lines = [plain(line) for line in (form % values).splitlines()]
        return [plain(company.name), *(line for line in lines if line)]


class ReactivationDelivery(models.Model):
    """Letters of the list *Letters to Print*."""

    _inherit = "reactivation.delivery"

    letter_address = fields.Char(
        string="Address", compute="_compute_letter_address", compute_sudo=True
    )

    @api.depends("channel", "recipient_id", "partner_id.name")
    def _compute_letter_address(self):
        kind = self.env["reactivation.channel.letter"]
        for delivery in self:
            lines = []
            if delivery.channel == "letter" and delivery.recipient_id:
                lines = kind._address_lines(delivery)
            delivery.letter_address = ", ".join(lines)

    def _open_letters(self):
        """:return: those of them that are letters to be sent, one for each family

        :raise UserError: there is none
        """
        self.check_access("read")
        letters_to_send = self.sudo().filtered(
            lambda item: item.channel == "letter" and item.state == "todo"
        )
        letters_to_send = letters_to_send.lead_id | letters_to_send.filtered(
            lambda item: not item.lead_id
        )
        if not letters_to_send:
            raise UserError(self.env._("Choose letters that are still to be sent."))
        return letters_to_send.with_env(self.env)

    def action_print_letters(self):
        """Print letters, several patients in one file. It changes nothing."""
        todo = self._open_letters()
        kind = self.env["reactivation.channel.letter"]
        papers = {
            letters.paper_of(kind._layout(company))
            for company in todo.sudo().company_id
        }
        if len(papers) > 1:
            raise UserError(
                self.env._(
                    "These clinics use different paper. Print the letters of one "
                    "clinic at a time."
                )
            )
        report = f"patient_reactivation.action_report_letter_{papers.pop()}"
        return self.env.ref(report).report_action(todo.ids, config=False)

    def action_mark_letters_sent(self):
        """The letters are in the mail: their deliveries are done, the tasks closed."""
        todo = self._open_letters()
        todo.action_result_done()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("%s letters are marked as sent.", len(todo)),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
