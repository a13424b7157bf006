from odoo import api, fields, models
from odoo.tools import SQL

from .reactivation_runner import HEALTHS


class ReactivationCampaign(models.Model):
    """Is the campaign sending, what waits, and what needs a hand? Read only."""

    _inherit = "reactivation.campaign"

    runner_health = fields.Selection(HEALTHS, compute="_compute_health")
    heartbeat = fields.Char(compute="_compute_health")
    waiting_count = fields.Integer(string="Waiting", compute="_compute_health")
    attention_count = fields.Integer(
        string="To Look After",
        compute="_compute_health",
        help="Deliveries that failed, or of which nobody knows whether they arrived.",
    )
    todo_count = fields.Integer(string="To Call", compute="_compute_health")
    channel_status_ids = fields.Many2many(
        "reactivation.channel.status",
        string="Channels That Do Not Work",
        compute="_compute_channel_status_ids",
    )
    needs_approval = fields.Boolean(compute="_compute_needs_approval")

    @api.depends("state", "company_id")
    @api.depends_context("lang")
    def _compute_health(self):
        runner = self.env["reactivation.runner"]._get()
        counts = self._health_counts()
        health = runner.health
        for campaign in self:
            waiting, attention, todo = counts.get(campaign._origin.id, (0, 0, 0))
            campaign.waiting_count = waiting
            campaign.attention_count = attention
            campaign.todo_count = todo
            campaign.runner_health = health
            campaign.heartbeat = campaign.state == "running" and runner._heartbeat(
                waiting
            )

    def _health_counts(self):
        """:return: {campaign id: (due and waiting, failed or uncertain, to do)}"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """SELECT campaign.id, sending.waiting + steps.waiting,
                          sending.attention, sending.todo
                     FROM unnest(%(ids)s::int[]) AS campaign (id)
               CROSS JOIN LATERAL (
                          SELECT count(*) FILTER (WHERE state = 'pending'
                                                  AND date <= %(now)s) AS waiting,
                                 count(*) FILTER (WHERE state IN (
                                     'failed', 'uncertain')) AS attention,
                                 count(*) FILTER (WHERE state = 'todo') AS todo
                            FROM reactivation_delivery
                           WHERE campaign_id = campaign.id
                             AND state NOT IN ('sent', 'skipped')
                          ) AS sending
               CROSS JOIN LATERAL (
                          SELECT count(*) AS waiting FROM reactivation_enrollment
                           WHERE campaign_id = campaign.id AND state = 'running'
                             AND next_date <= %(now)s) AS steps""",
                ids=self.ids,
                now=fields.Datetime.now(),
            )
        )
        return {row[0]: row[1:] for row in rows}

    @api.depends("company_id", "method_ids.step_ids.channel")
    def _compute_channel_status_ids(self):
        failing = self.env["reactivation.channel.status"].search(
            [("failing_since", "!=", False)]
        )
        for campaign in self:
            # Patients go on with the version they were enrolled on.
            channels = campaign.all_method_ids.step_ids._channels()
            campaign.channel_status_ids = failing.filtered(
                lambda status, campaign=campaign, channels=channels: (
                    status.company_id == campaign.company_id
                    and status.channel in channels
                )
            )

    @api.depends("state", "date_start", "company_id")
    def _compute_needs_approval(self):
        for campaign in self:
            # A form shows one campaign; in lists it is not shown.
            limit = campaign.company_id.reactivation_approval_limit
            campaign.needs_approval = bool(
                limit
                and campaign.id
                and campaign.state == "draft"
                and not campaign.date_start
                and campaign._has_audience_of(limit)
            )

    def _has_audience_of(self, limit):
        """:return: bool: so many patients or more would be enrolled"""
        lapsed = self.env["reactivation.patient"].search_count(
            [("company_id", "=", self.company_id.id), ("status", "=", "lapsed")],
            limit=limit,
        )
        if lapsed < limit:
            return False
        self.env.flush_all()
        audience = self.env["reactivation.enrollment"].sudo()._audience_sql(self.sudo())
        ((count,),) = self.env.execute_query(
            SQL(
                """SELECT count(*) FROM (SELECT FROM (%s) AS audience
                    WHERE refusal IS NULL LIMIT %s) AS enrolled""",
                audience,
                limit,
            )
        )
        return count >= limit

    # ------------------------------------------------------------------ actions

    def action_open_attention(self):
        """Deliveries that failed, or of which nobody knows whether they arrived."""
        action = self.action_open_deliveries()
        action["context"] = {"search_default_attention": 1}
        return action

    def action_open_no_contact(self):
        """Why patients of this campaign are not contacted."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_no_contact_action"
        )
        action["domain"] = [("campaign_id", "=", self.id)]
        action["context"] = {"search_default_group_reason": 1}
        return action

    def action_open_runner(self):
        return self.env["reactivation.runner"].action_open()
