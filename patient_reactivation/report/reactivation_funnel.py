from odoo import api, fields, models
from odoo.tools import SQL

from ..models.res_partner import CHANNELS
from ..tools.nps import SMALLEST_GROUP
from ..tools.spreadsheets import neutral_rows

# From the plan to the proof. What a message was answered with is a hint only.
STAGES = ("planned", "sent", "opened", "clicked", "replied", "booked", "returned")
HINTS = ("opened", "clicked", "replied")

# The channels whose messages can be opened and clicked.
MESSAGES = ("mail", "sms")

# By what the funnel is drawn.
SIDES = {"channel": "channel", "step": "step_id"}

# The key of all contacts together, for the view.
ALL = "all"


class ReactivationFunnel(models.Model):
    """One row per delivery, with what became of it as numbers to sum.

    A booking and a return count for the last contact before them, so that each counts
    once. What machines opened and clicked is counted apart (L5), and no rate is
    computed from opens or clicks.
    """

    _name = "reactivation.funnel"
    _inherit = "reactivation.pivot"
    _description = "Contact Funnel"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "partner_id"
    _depends = {
        "reactivation.delivery": [
            "enrollment_id",
            "step_id",
            "campaign_id",
            "company_id",
            "partner_id",
            "channel",
            "state",
            "date",
            "first_date",
            "sent_on",
            "bounced_on",
            "opened_on",
            "clicked_on",
            "replied_on",
        ],
        "reactivation.enrollment": [
            "segment_id",
            "booked_date",
            "returned_date",
            "staff_booked_on",
        ],
        "reactivation.outcome": ["enrollment_id", "delivery_id", "kind", "is_bot"],
        "reactivation.step": ["method_id"],
    }

    campaign_id = fields.Many2one("reactivation.campaign", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    segment_id = fields.Many2one("reactivation.segment", readonly=True)
    method_id = fields.Many2one("reactivation.method", readonly=True)
    step_id = fields.Many2one("reactivation.step", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Patient", readonly=True)
    channel = fields.Selection(
        [
            *CHANNELS,
            ("action", "Automatic action"),
            ("preferred", "The patient's own channel"),
        ],
        readonly=True,
    )
    date = fields.Datetime(string="First Due", readonly=True)
    planned = fields.Integer(readonly=True)
    sent = fields.Integer(readonly=True)
    bounced = fields.Integer(readonly=True)
    opened = fields.Integer(readonly=True, help="By people, as far as one can tell.")
    clicked = fields.Integer(readonly=True, help="By people, as far as one can tell.")
    machine_opened = fields.Integer(string="Opened by Machines", readonly=True)
    machine_clicked = fields.Integer(string="Clicked by Machines", readonly=True)
    replied = fields.Integer(readonly=True)
    booked = fields.Integer(
        readonly=True, help="Booked after it and before the next contact."
    )
    returned = fields.Integer(
        readonly=True, help="Returned after it and before the next contact."
    )

    # ---------------------------------------------------------------------- SQL

    @property
    def _table_query(self):
        return SQL(
            """SELECT delivery.id, delivery.campaign_id, delivery.company_id,
                      enrollment.segment_id, step.method_id, delivery.step_id,
                      delivery.partner_id, delivery.channel,
                      COALESCE(delivery.first_date, delivery.date) AS date,
                      1 AS planned,
                      (delivery.state = 'sent')::int AS sent,
                      (delivery.bounced_on IS NOT NULL)::int AS bounced,
                      (delivery.opened_on IS NOT NULL)::int AS opened,
                      (delivery.clicked_on IS NOT NULL)::int AS clicked,
                      %(machine_opened)s AS machine_opened,
                      %(machine_clicked)s AS machine_clicked,
                      (delivery.replied_on IS NOT NULL)::int AS replied,
                      COALESCE((credit.booked_id = delivery.id)::int, 0) AS booked,
                      COALESCE((credit.returned_id = delivery.id)::int, 0)
                          AS returned
                 FROM reactivation_delivery delivery
                 -- Left joins: the database leaves out what no measure needs.
            LEFT JOIN reactivation_enrollment enrollment
                   ON enrollment.id = delivery.enrollment_id
            LEFT JOIN reactivation_step step ON step.id = delivery.step_id
            LEFT JOIN (%(credit)s) AS credit
                   ON credit.enrollment_id = delivery.enrollment_id
                  AND credit.campaign_id = delivery.campaign_id""",
            machine_opened=self._by_machine_sql("opened"),
            machine_clicked=self._by_machine_sql("clicked"),
            credit=self._credit_sql(),
        )

    @api.model
    def _by_machine_sql(self, kind):
        return SQL(
            """(EXISTS (SELECT FROM reactivation_outcome outcome
                         WHERE outcome.delivery_id = delivery.id
                           AND outcome.is_bot AND outcome.kind = %s))::int""",
            kind,
        )

    @api.model
    def _credit_sql(self):
        """Of the enrollments that got so far, which is the few: the last contact before
        the booking and the last one until the day of the return. The campaign is in
        every join, so that the filter by one reaches every table.

        :return: SQL with a row per enrollment: `booked_id`, `returned_id`
        """
        zone = self.env["res.company"]._reactivation_zone_sql(
            SQL("enrollment.company_id")
        )
        return SQL(
            """SELECT contact.enrollment_id, contact.campaign_id,
                      (array_agg(contact.id
                           ORDER BY contact.sent_on DESC, contact.id DESC)
                       FILTER (WHERE contact.sent_on <= moment.booked))[1] AS booked_id,
                      (array_agg(contact.id
                           ORDER BY contact.sent_on DESC, contact.id DESC)
                       FILTER (WHERE contact.sent_on < moment.returned))[1]
                          AS returned_id
                 FROM reactivation_delivery contact
                 JOIN (SELECT enrollment.id, enrollment.campaign_id,
                              LEAST(enrollment.staff_booked_on, noticed.moment)
                                  AS booked,
                              (enrollment.returned_date + 1)::timestamp
                                  AT TIME ZONE %(zone)s AT TIME ZONE 'UTC' AS returned
                         FROM reactivation_enrollment enrollment
                    LEFT JOIN (
                              -- When it was noticed; its date is that of the visit.
                              SELECT enrollment_id, campaign_id,
                                     min(create_date) AS moment
                                FROM reactivation_outcome WHERE kind = 'booked'
                            GROUP BY enrollment_id, campaign_id) AS noticed
                           ON noticed.enrollment_id = enrollment.id
                          AND noticed.campaign_id = enrollment.campaign_id
                        WHERE enrollment.returned_date IS NOT NULL
                           OR enrollment.booked_date IS NOT NULL
                           OR enrollment.staff_booked_on IS NOT NULL) AS moment
                   ON moment.id = contact.enrollment_id
                  AND moment.campaign_id = contact.campaign_id
                WHERE contact.state = 'sent'
             GROUP BY contact.enrollment_id, contact.campaign_id""",
            zone=zone,
        )

    # ------------------------------------------------------------------- funnel

    @api.model
    @api.readonly
    def read_funnel(self, campaign_id, side="channel"):
        """What the drawn funnel of a campaign shows.

        :param int campaign_id: a campaign the user may read
        :param str side: channel or step
        :return: dict for the view: `campaign` and `groups`, the first of which is all
            contacts together; each with `stages` of `name`, `count` and `share` of
            what was planned. Groups of fewer than five contacts are hidden (J9)
        :raise AccessError: the user may not see the campaign, or no reports
        :raise ValueError: there is no such side
        """
        if side not in SIDES:
            raise ValueError(side)
        campaign = self.env["reactivation.campaign"].browse(campaign_id)
        campaign.check_access("read")
        measures = [*STAGES, "bounced", "machine_opened", "machine_clicked"]
        rows = self._read_group(
            [("campaign_id", "=", campaign.id)],
            [SIDES[side], "channel"],
            [f"{name}:sum" for name in measures],
        )
        counts, messages = {}, set()
        for key, channel, *found in rows:
            for group in (None, key):
                sums = counts.setdefault(group, dict.fromkeys(measures, 0))
                for name, count in zip(measures, found, strict=True):
                    sums[name] += count
                if channel in MESSAGES:
                    messages.add(group)
        keys = self._sorted_keys(side, [key for key in counts if key is not None])
        return {
            "campaign": {"id": campaign.id, "name": campaign.display_name},
            "groups": [
                self._group(side, key, counts[key], key in messages)
                # All together say no more than the only one.
                for key in ([None, *keys] if len(keys) > 1 else keys)
            ],
        }

    @api.model
    def _sorted_keys(self, side, keys):
        if side == "step":
            return sorted(
                keys,
                key=lambda step: (step.method_id.id, step.sequence, step.id),
            )
        order = [name for name, _label in self._channel_labels()]
        return sorted(keys, key=lambda key: order.index(key) if key else len(order))

    @api.model
    def _channel_labels(self):
        return self._fields["channel"]._description_selection(self.env)

    @api.model
    def _group(self, side, key, counts, is_message):
        if key is None:
            name, detail = self.env._("All contacts"), ""
        elif not key:
            name, detail = self.env._("No channel yet"), ""
        elif side == "step":
            name, detail = key.display_name, key.method_id.display_name
        else:
            name, detail = dict(self._channel_labels())[key], ""
        planned = counts["planned"]
        group = {
            "key": ALL if key is None else key.id if side == "step" else key,
            "name": name,
            "detail": detail,
            "hidden": planned < SMALLEST_GROUP,
            "stages": [],
            "bounced": 0,
            "machine_opened": 0,
            "machine_clicked": 0,
        }
        if group["hidden"]:
            return group
        stages = [name for name in STAGES if is_message or name not in HINTS]
        return {
            **group,
            "stages": [
                {
                    "name": name,
                    "label": self._fields[name]._description_string(self.env),
                    "is_hint": name in HINTS,
                    "count": counts[name],
                    "share": counts[name] / planned,
                }
                for name in stages
            ],
            "bounced": counts["bounced"],
            "machine_opened": counts["machine_opened"],
            "machine_clicked": counts["machine_clicked"],
        }

    # ------------------------------------------------------------------ actions

    @api.model
    def open_stage(self, campaign_id, side, key, stage):
        """:return: an action: the contacts of one bar"""
        self.check_access("read")
        if side not in SIDES or stage not in self._fields:
            raise ValueError(side, stage)
        action = self._action(campaign_id)
        domain = [*action["domain"], (stage, "=", 1)]
        if key != ALL:
            domain.append((SIDES[side], "=", key))
        label = self._fields[stage]._description_string(self.env)
        return {
            **action,
            "name": self.env._("Contacts: %s", label),
            "domain": domain,
            "views": [(False, "list"), (False, "pivot"), (False, "graph")],
        }

    @api.model
    def open_analysis(self, campaign_id):
        """:return: an action: graph, pivot and list of a campaign's contacts"""
        return self._action(campaign_id)

    @api.model
    def _action(self, campaign_id):
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "patient_reactivation.reactivation_funnel_action_analysis"
        )
        return {**action, "domain": [("campaign_id", "=", campaign_id)], "context": {}}

    def action_open_delivery(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "reactivation.delivery",
            "res_id": self.id,
            "views": [(False, "form")],
        }

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
