from contextlib import contextmanager
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import file_open

from ..models import reactivation_automation
from ..models.reactivation_coupon_issue import Wish


class _Undo(Exception):
    """Everything that was tried is taken back."""


class ReactivationTrial(models.AbstractModel):
    """Trying a campaign on one patient. Nothing of it stays, nothing leaves."""

    _name = "reactivation.trial"
    _description = "Trial of a Campaign"

    # --------------------------------------------------------------------- undo

    @contextmanager
    def _undone(self):
        """Whatever happens in the block has never happened.

        Automation Rules do not hear of it either.
        """
        cache = self.env.cr.cache
        key = reactivation_automation.KEY
        before = cache.get(key)
        cache[key] = reactivation_automation._Events()
        try:
            with self.env.cr.savepoint():
                yield
                raise _Undo
        except _Undo:
            self.env.invalidate_all()
        finally:
            cache.pop(key, None)
            if before is not None:
                cache[key] = before

    # --------------------------------------------------------------- enrollment

    @api.model
    def _try_enrollment(self, campaign, partner, moment, segment_id=None):
        """Enroll a patient whatever there is against it. Only inside `_undone`.

        :return: the enrollment, without a method
        """
        self.env.flush_all()
        cr = self.env.cr
        # One running enrollment and one per episode: those there are make room.
        cr.execute(
            SQL(
                """UPDATE reactivation_enrollment
                      SET state = 'done', next_date = NULL,
                          episode_date = episode_date - 36500
                    WHERE partner_id = %s AND company_id = %s
                      AND (state = 'running' OR campaign_id = %s)""",
                partner.id,
                campaign.company_id.id,
                campaign.id,
            )
        )
        closes = moment + timedelta(days=campaign.attribution_days)
        cr.execute(
            SQL(
                """INSERT INTO reactivation_enrollment (
                       campaign_id, company_id, partner_id, patient_id, segment_id,
                       tier_id, visit_pattern, reason_id, practitioner_id,
                       episode_date, enrolled_on, return_closes, loyalty_closes,
                       is_control, state, stage,
                       create_uid, create_date, write_uid, write_date)
                   SELECT %(campaign)s, %(company)s, partner.id, patient.id,
                          %(segment)s, patient.tier_id, patient.visit_pattern,
                          patient.reason_id, patient.last_practitioner_id,
                          patient.last_visit_date, %(now)s, %(closes)s, %(loyalty)s,
                          FALSE, 'running', 'enrolled',
                          %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM res_partner partner
                LEFT JOIN reactivation_patient patient
                       ON patient.partner_id = partner.id
                      AND patient.company_id = %(company)s
                    WHERE partner.id = %(partner)s
                RETURNING id""",
                campaign=campaign.id,
                company=campaign.company_id.id,
                partner=partner.id,
                segment=segment_id or None,
                now=moment,
                closes=closes,
                loyalty=closes + timedelta(days=campaign.loyalty_days),
                uid=self.env.uid,
            )
        )
        number = cr.fetchone()[0]
        self.env.invalidate_all()
        return self.env["reactivation.enrollment"].sudo().browse(number)

    @api.model
    def _try_delivery(self, enrollment, step, due):
        """:return: a waiting delivery of a step. Only inside `_undone`."""
        self.env.cr.execute(
            SQL(
                """INSERT INTO reactivation_delivery (
                       enrollment_id, step_id, campaign_id, company_id, partner_id,
                       channel, date, first_date, state, attempts,
                       create_uid, create_date, write_uid, write_date)
                   VALUES (%(enrollment)s, %(step)s, %(campaign)s, %(company)s,
                           %(partner)s, %(channel)s, %(due)s, %(due)s, 'pending', 0,
                           %(uid)s, %(due)s, %(uid)s, %(due)s)
                RETURNING id""",
                enrollment=enrollment.id,
                step=step.id,
                campaign=enrollment.campaign_id.id,
                company=enrollment.company_id.id,
                partner=enrollment.partner_id.id,
                channel=step.channel,
                due=due,
                uid=self.env.uid,
            )
        )
        number = self.env.cr.fetchone()[0]
        deliveries = self.env["reactivation.delivery"].sudo()
        deliveries.invalidate_model()
        return deliveries.browse(number)

    @api.model
    def _write_row(self, record, **values):
        """Write a row behind the back of everything that listens to writes."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET %s WHERE id = %s",
                SQL.identifier(record._table),
                SQL(", ").join(
                    SQL("%s = %s", SQL.identifier(name), value)
                    for name, value in values.items()
                ),
                record.id,
            )
        )
        record.invalidate_recordset()

    # ------------------------------------------------------------------ content

    @api.model
    def _mail_parts(self, mailing, enrollment):
        """One e-mail as the patient of an enrollment gets it.

        :return: dict of `subject`, `preview` and `body`
        """
        mailing = mailing.sudo().with_company(enrollment.company_id)
        number = enrollment.id

        def render(name, **options):
            return mailing._render_field(
                name, [number], compute_lang=False, options=options
            )[number]

        body = Markup(render("body_html", preserve_comments=True) or "")
        preview = render("preview") or ""
        return {
            "subject": render("subject") or "",
            "preview": preview,
            "body": self._mail_frame(mailing._prepend_preview(body, preview)),
        }

    @api.model
    def _mail_frame(self, body):
        """:return: the body in the frame Odoo sends every mailing in"""
        with file_open("mass_mailing/static/src/scss/mass_mailing_mail.scss") as styles:
            style = Markup("<style>%s</style>") % Markup(styles.read())
        framed = self.env["ir.qweb"]._render(
            "mass_mailing.mass_mailing_mail_layout",
            {"body": body, "mailing_style": style},
            minimal_qcontext=True,
        )
        return self.env["mail.render.mixin"]._replace_local_links(framed)

    @api.model
    def _text_of(self, step, channel, patients, recipient, coupons=None):
        """What a step says on a channel of the staff, filled in for patients.

        Scripts are for the caller to read, the rest for the recipient.

        :param coupons: those of these patients; by default what one would look like
        :return: Markup
        """
        kind = self.env["reactivation.channel.manual"]

        def fill(step, text):
            sample = step._sample_offer(patients) if coupons is None else None
            return step._fill_for(text, patients, coupons, sample)

        lines = []
        if channel == "call":
            lines = kind._paragraphs(fill(step, step.script))
        step = step.with_context(lang=kind._reader_lang(recipient, step.company_id))
        if channel == "letter":
            lines = [fill(step, Markup(step.letter_body or ""))]
        elif channel in ("video", "social"):
            lines = kind._paragraphs(fill(step, step.message))
        return Markup().join(lines)

    @api.model
    def _try_offer(self, delivery, channel, moment=None):
        """Give a delivery the coupon it would get, or note why it gets none. Only
        inside `_undone`: the code is never valid.

        :param datetime moment: when the step takes place, by default now
        """
        if delivery.step_id.offer == "reward":
            self._try_reward(delivery)
        else:
            delivery._attach_offers(channel)
        delivery._attach_surveys(channel)
        days = (moment - fields.Datetime.now()).days if moment else 0
        coupon = delivery.coupon_id.sudo()
        if days > 0 and delivery.step_id.offer == "issue":
            self._write_row(
                coupon,
                valid_until=coupon.valid_until + timedelta(days=days),
                expires_at=coupon.expires_at + timedelta(days=days),
            )

    @api.model
    def _try_reward(self, delivery):
        """Give a thank-you the coupon that its method promises for an answer."""
        asking = delivery.step_id.method_id.step_ids.filtered("reward_program_id")
        program = asking[:1].reward_program_id
        if program:
            wish = Wish(
                delivery.partner_id,
                program,
                key=f"trial:{delivery.id}",
                enrollment=delivery.enrollment_id,
            )
            coupons = self.env["reactivation.coupon"].sudo()
            coupons._issue(delivery.company_id, [wish], "incentive")
            delivery._write_offers({delivery: (wish.coupon, wish.refusal)})

    # ------------------------------------------------------------------ patient

    @api.model
    def _random_patient(self, campaign, besides=None):
        """:return: some patient of the campaign's audience; else any lapsed one

        :param besides: a patient who is not meant, if there is another one
        """
        self.env.flush_all()
        audience = self.env["reactivation.enrollment"].sudo()._audience_sql(campaign)
        pivot = SQL(
            """(SELECT min(id) + floor(random() * (1 + max(id) - min(id)))
                  FROM reactivation_patient WHERE company_id = %s)""",
            campaign.company_id.id,
        )
        for refused, since in ((False, pivot), (False, SQL("0")), (True, SQL("0"))):
            # From somewhere in the middle; from the beginning; anybody.
            rows = self.env.execute_query(
                SQL(
                    """SELECT partner_id FROM (%s) AS audience
                        WHERE patient_id >= %s AND %s AND partner_id <> %s
                     ORDER BY patient_id LIMIT 1""",
                    audience,
                    since,
                    SQL("TRUE") if refused else SQL("refusal IS NULL"),
                    besides.id if besides else 0,
                )
            )
            if rows:
                return self.env["res.partner"].browse(rows[0][0])
        return self.env["res.partner"].browse(besides.ids if besides else [])

    @api.model
    def _mask(self, recipient, channel):
        """:return: where a contact is reached, with most of it left out"""
        if channel == "mail":
            local, _at, host = (recipient.email_normalized or "").rpartition("@")
            return f"{local[:1]}•••@{host}" if local else ""
        if channel in ("call", "sms", "video"):
            number = recipient.phone_sanitized or recipient.phone or ""
            return f"••• {number[-4:]}" if len(number) > 4 else ""
        if channel == "letter":
            return " ".join(filter(None, [recipient.zip, recipient.city]))
        return ""
