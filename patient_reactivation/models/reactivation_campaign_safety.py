import hashlib
import json

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .reactivation_step import WEEKDAYS

# The last messages of a campaign whose bounces and complaints are counted, and how
# many there must be before a share means anything.
BREAKER_SAMPLE = 200
BREAKER_BOUNCES = 5
BREAKER_COMPLAINTS = 2

# So many refusals in a row, of different patients, are the sender's fault.
REFUSED_IN_A_ROW = 5

# What decides when a step takes place and how: part of what is approved.
PLANNED = (
    "channel",
    "fallback_channel",
    "delay_days",
    "delay_hours",
    "delay_from",
    *WEEKDAYS,
    "hour_from",
    "hour_to",
    "condition",
)


class ReactivationCampaign(models.Model):
    """What keeps a campaign from doing harm: a second person, breakers, alerts."""

    _inherit = "reactivation.campaign"

    pause_reason = fields.Char(
        readonly=True, copy=False, help="Why the campaign paused by itself."
    )
    resumed_on = fields.Datetime(readonly=True, copy=False)
    approved_by_id = fields.Many2one(
        "res.users", string="Approved By", readonly=True, copy=False, tracking=True
    )
    approved_plan = fields.Char(readonly=True, copy=False)
    is_approved = fields.Boolean(compute="_compute_is_approved")

    @api.depends("approved_plan", "segment_ids", "method_ids.step_ids", "purpose")
    def _compute_is_approved(self):
        for campaign in self:
            campaign.is_approved = bool(
                campaign.approved_plan
                and campaign.approved_plan == campaign._plan_digest()
            )

    # ----------------------------------------------------------------- approval

    def _plan_digest(self):
        """:return: a fingerprint of whom the campaign writes to and what"""
        self.ensure_one()
        plan = [
            self.purpose,
            self.third_party_paid,
            self.date_from,
            self.date_end,
            # Whatever says who they are, in the order in which they are asked.
            self.segment_ids.copy_data({"name": False}),
            [self._step_plan(step) for step in self._current_methods().step_ids],
        ]
        return hashlib.sha256(json.dumps(plan, default=str).encode()).hexdigest()

    @api.model
    def _step_plan(self, step):
        """:return: values: when a step takes place, how, and what it says"""
        step = step.sudo()
        mails = [
            [item.reactivation_lang, item.subject, item.preview, str(item.body_html)]
            for item in step.mailing_ids
        ]
        return [[step[name] for name in PLANNED], step._content(), mails]

    def _check_approval(self):
        """The first start of a large campaign needs a second person.

        :raise UserError: it has not been approved by somebody else
        """
        self.ensure_one()
        limit = self.company_id.reactivation_approval_limit
        if not limit or self.date_start:
            return
        counts = self.env["reactivation.enrollment"]._audience_counts(self)
        size = sum(count for _segment, refusal, count in counts if not refusal)
        if size < limit:
            return
        if self.is_approved and self.approved_by_id != self.env.user:
            return
        raise UserError(
            self.env._(
                "%(size)s patients would be enrolled. From %(limit)s patients on "
                "another manager must approve the campaign before you start it (and "
                "again when the plan is changed).",
                size=size,
                limit=limit,
            )
        )

    # -------------------------------------------------------------- alert, pause

    def _caretaker(self):
        """:return: the user who looks after the campaign

        When the responsible has left, another manager of the company does.
        """
        self.ensure_one()
        if self.user_id.active:
            return self.user_id
        managers = (
            self.env.ref("patient_reactivation.group_reactivation_manager")
            .sudo()
            .all_user_ids.filtered(
                lambda user: (
                    user.active
                    and not user.share
                    and self.company_id in user.company_ids
                )
            )
        )
        admin = self.env.ref("base.user_admin")
        return (managers - admin)[:1] or managers[:1] or admin

    def _for_caretaker(self):
        """:return: the campaign in the language of the user who looks after it

        A scheduled action has no language of its own.
        """
        self.ensure_one()
        return self.with_context(lang=self._caretaker().lang or self.env.lang)

    def _alert(self, summary, text):
        """Tell the caretaker, once: as long as the same alert is open it is enough."""
        self.ensure_one()
        kind = self.env.ref("mail.mail_activity_data_warning")
        campaign = self.sudo()
        if campaign.activity_ids.filtered(
            lambda activity: (
                activity.activity_type_id == kind and activity.summary == summary
            )
        ):
            return
        campaign.activity_schedule(
            activity_type_id=kind.id,
            summary=summary,
            note=text,
            user_id=self._caretaker().id,
            date_deadline=self.company_id._reactivation_today(),
        )

    def _pause_because(self, summary, text):
        """Pause by itself and tell the caretaker; nothing that waits is lost."""
        self.ensure_one()
        if self.state != "running":
            return
        reason = self.env._("%(what)s: %(details)s", what=summary, details=text or "–")
        self.sudo().write({"state": "paused", "pause_reason": reason})
        self._alert(
            summary,
            self.env._(
                "The campaign is paused. Mend the cause and press “Resume”: what "
                "waits is sent then. %(details)s",
                details=text,
            ),
        )

    def _pause_if_all_refused(self, channel):
        """When the last messages were all refused the sender is at fault: pause, and
        let those patients wait as if nothing had happened.

        :return: bool: it is paused now
        """
        self.ensure_one()
        rows = self.env.execute_query(
            SQL(
                """SELECT id, state, failure FROM reactivation_delivery
                    WHERE campaign_id = %s AND channel = %s
                      AND settled_on >= COALESCE(%s, settled_on)
                      AND state IN ('sent', 'failed')
                      AND COALESCE(reason, '') NOT IN ('bounced', 'invalid_address')
                 ORDER BY settled_on DESC, id DESC LIMIT %s""",
                self.id,
                channel,
                self.resumed_on or None,
                REFUSED_IN_A_ROW,
            )
        )
        if len(rows) < REFUSED_IN_A_ROW or any(row[1] == "sent" for row in rows):
            return False
        self.env.execute_query(
            SQL(
                """UPDATE reactivation_delivery
                      SET state = 'pending', settled_on = NULL, reason = NULL,
                          attempts = 0
                    WHERE id IN %s RETURNING 1""",
                tuple(row[0] for row in rows),
            )
        )
        self.env["reactivation.delivery"].invalidate_model()
        campaign = self._for_caretaker()
        campaign._pause_because(
            campaign.env._("The mail server refuses every message"), rows[0][2] or ""
        )
        return True

    @api.model
    def _check_breakers(self):
        """Pause campaigns whose last messages bounced or were reported too often."""
        rows = self.env.execute_query(
            SQL(
                """SELECT campaign.id, last.sent, last.bounced, last.complained
                     FROM reactivation_campaign campaign
               CROSS JOIN LATERAL (
                         SELECT count(*) AS sent, count(recent.bounced_on) AS bounced,
                                count(complaint.id) AS complained
                           FROM (SELECT id, bounced_on FROM reactivation_delivery
                                  WHERE campaign_id = campaign.id
                                    AND claimed_on IS NOT NULL
                                    AND claimed_on >= campaign.resumed_on
                                    AND channel = 'mail'
                               ORDER BY claimed_on DESC LIMIT %s) AS recent
                      LEFT JOIN reactivation_outcome complaint
                             ON complaint.delivery_id = recent.id
                            AND complaint.kind = 'complained') AS last
                    WHERE campaign.state = 'running'
                      AND (last.bounced > 0 OR last.complained > 0)""",
                BREAKER_SAMPLE,
            )
        )
        for campaign_id, sent, bounced, complained in rows:
            # Only campaigns with a bounce or a complaint get here.
            campaign = self.browse(campaign_id)._for_caretaker()
            campaign._break_at(sent, bounced, complained)

    def _break_at(self, sent, bounced, complained):
        company = self.company_id
        if (
            bounced >= BREAKER_BOUNCES
            and bounced * 100 >= company.reactivation_bounce_limit * sent
        ):
            self._pause_because(
                self.env._("Too many addresses do not exist"),
                self.env._(
                    "%(bounced)s of the last %(sent)s messages came back. Check where "
                    "the addresses come from before going on.",
                    bounced=bounced,
                    sent=sent,
                ),
            )
        elif (
            complained >= BREAKER_COMPLAINTS
            and complained * 100 >= company.reactivation_complaint_limit * sent
        ):
            self._pause_because(
                self.env._("Too many complaints"),
                self.env._(
                    "%(complained)s of the last %(sent)s messages were reported as "
                    "spam.",
                    complained=complained,
                    sent=sent,
                ),
            )

    # ------------------------------------------------------------------ actions

    def action_approve(self):
        """Another manager looked at the plan and lets it go out."""
        self.check_access("write")
        for campaign in self:
            campaign.write(
                {
                    "approved_by_id": self.env.user.id,
                    "approved_plan": campaign._plan_digest(),
                }
            )
