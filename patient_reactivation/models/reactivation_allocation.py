from odoo import api, fields, models
from odoo.tools import SQL

from ..tools import allocation, lift

KINDS = [
    ("equal", "Equal"),
    ("weighted", "By the weights of the methods"),
    ("adaptive", "More to what works"),
]


class ReactivationCampaign(models.Model):
    _inherit = "reactivation.campaign"

    allocation = fields.Selection(
        KINDS,
        string="Patients per Method",
        default="weighted",
        required=True,
        tracking=True,
        help="Equal: each method gets as many. By weights: as it is said on the "
        "methods. More to what works: the better the results of a method in a "
        "segment, the more of its new patients get it. The control group stays as "
        "large as it is.",
    )
    least_share = fields.Float(
        string="Least Share (%)",
        default=10.0,
        help="However weak its results, each method goes on getting this share of the "
        "new patients of a segment: so nothing is given up by bad luck.",
    )
    allocation_ids = fields.One2many(
        "reactivation.allocation",
        "campaign_id",
        groups="patient_reactivation.group_reactivation_manager",
    )

    _least_share_check = models.Constraint(
        "CHECK(COALESCE(least_share, 0) BETWEEN 0 AND 50)",
        "“Least Share” must be between 0 and 50 %.",
    )


class ReactivationAllocation(models.Model):
    """Which share of a segment's new patients each method gets, from a moment on.

    Each enrollment names the one it was drawn by: with the key of the campaign anybody
    can draw again, and results are weighted by the chance there was. A row is never
    changed; other shares are a new one.
    """

    _name = "reactivation.allocation"
    _description = "Allocation"
    _order = "id desc"
    _rec_name = "date"

    campaign_id = fields.Many2one(
        "reactivation.campaign",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="campaign_id.company_id", store=True)
    segment_id = fields.Many2one(
        "reactivation.segment",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    date = fields.Datetime(string="From", required=True, readonly=True)
    kind = fields.Selection(
        [*KINDS, ("adopted", "One method is adopted"), ("before", "As it turned out")],
        string="How",
        required=True,
        readonly=True,
    )
    control_percent = fields.Float(string="Control Group (%)", readonly=True)
    share_ids = fields.One2many(
        "reactivation.allocation.share", "allocation_id", readonly=True
    )

    # ------------------------------------------------------------------ drawing

    @api.model
    def _draws(self, campaign, moment):
        """Divide the numbers from 0 to 1 among the methods, per segment.

        :return: list of (segment id, allocation id, method id, low, high, first step
            id, its delay in days and in hours)
        """
        draws = []
        for segment, found in self._current(campaign, moment).items():
            low, shares = 0.0, found.share_ids.filtered("share")
            for number, line in enumerate(shares):
                last = number == len(shares) - 1
                high = 1.0 if last else low + line.share
                first = line.method_id._first_step()
                draws.append(
                    (
                        segment.id,
                        found.id,
                        line.method_id.id,
                        low,
                        high,
                        first.id,
                        first.delay_days,
                        first.delay_hours,
                    )
                )
                low = high
        return draws

    @api.model
    def _current(self, campaign, moment):
        """The allocations patients are drawn by now; what has changed is noted.

        :return: {segment: allocation}
        """
        methods = campaign._current_methods()._startable()
        if not methods:
            return {}
        latest = self._latest(campaign)
        results = (
            self._results(campaign, moment) if campaign.allocation == "adaptive" else {}
        )
        current, changed = {}, []
        for segment in campaign.segment_ids:
            values = self._planned(campaign, segment, methods, results)
            last = latest.get(segment)
            if last and last._says(values):
                current[segment] = last
            else:
                changed.append(values | {"date": moment})
        for created in self.sudo().create(changed):
            current[created.segment_id] = created
        return current

    @api.model
    def _latest(self, campaign):
        """:return: {segment: its latest allocation}"""
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT max(id) FROM reactivation_allocation
                    WHERE campaign_id = %s GROUP BY segment_id""",
                campaign.id,
            )
        )
        found = self.sudo().browse(row[0] for row in rows)
        return {item.segment_id: item for item in found}

    @api.model
    def _planned(self, campaign, segment, methods, results):
        """:return: dict of values: the shares as they should be from now on"""
        found = {
            method: results.get((segment.id, method.id), (0.0, 0)) for method in methods
        }
        adopted = segment.adopted_method_id._in_use_as(methods)
        if adopted:
            kind, shares = "adopted", {adopted: 1.0}
        elif campaign.allocation == "adaptive":
            kind = "adaptive"
            shares = allocation.adaptive_shares(found, campaign.least_share / 100)
        else:
            kind = campaign.allocation
            shares = allocation.weighted_shares(
                {method: 1 if kind == "equal" else method.weight for method in methods}
            )
        return {
            "campaign_id": campaign.id,
            "segment_id": segment.id,
            "kind": kind,
            "control_percent": campaign.control_percent,
            "share_ids": [
                fields.Command.create(
                    {
                        "method_id": method.id,
                        "share": share,
                        "returned": found[method][0],
                        "closed": found[method][1],
                    }
                )
                for method, share in shares.items()
            ],
        }

    def _says(self, values):
        """:return: bool: new patients are drawn by these shares already"""
        self.ensure_one()
        wanted = {
            line[2]["method_id"]: round(line[2]["share"], 6)
            for line in values["share_ids"]
            if line[2]["share"]
        }
        there = {
            line.method_id.id: round(line.share, 6)
            for line in self.share_ids
            if line.share
        }
        return (
            self.kind == values["kind"]
            and abs(self.control_percent - values["control_percent"]) < 1e-6
            and there == wanted
        )

    # ------------------------------------------------------------------ results

    @api.model
    def _results(self, campaign, moment):
        """How many returned, of the patients whose return window is over; weighted, so
        that a method is not better for having had the better months.

        :return: {(segment id, method id): (returned, patients)}
        """
        self.env["reactivation.enrollment"].flush_model()
        self.env["reactivation.allocation.share"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT enrollment.segment_id, enrollment.method_id, share.share,
                          count(*), count(enrollment.returned_date)
                     FROM reactivation_enrollment enrollment
                     JOIN reactivation_allocation_share share
                       ON share.allocation_id = enrollment.allocation_id
                      AND share.method_id = enrollment.method_id
                    WHERE enrollment.campaign_id = %(campaign)s
                      AND NOT enrollment.is_control
                      AND enrollment.return_closes <= %(moment)s
                      AND enrollment.stop_reason IS DISTINCT FROM 'merged'
                 GROUP BY enrollment.segment_id, enrollment.method_id, share.share""",
                campaign=campaign.id,
                moment=moment,
            )
        )
        arms = {}
        for segment, method, share, count, returned in rows:
            arms.setdefault((segment, method), []).append(
                lift.Arm(share, count, returned)
            )
        results = {}
        for key, found in arms.items():
            count = sum(arm.count for arm in found)
            results[key] = (lift.weighted_rate(found) * count, count)
        return results


class ReactivationAllocationShare(models.Model):
    """The share of one method, and the results it follows from."""

    _name = "reactivation.allocation.share"
    _description = "Share of a Method"
    _order = "allocation_id desc, id"
    _rec_name = "method_id"

    allocation_id = fields.Many2one(
        "reactivation.allocation",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="allocation_id.company_id", store=True)
    campaign_id = fields.Many2one(related="allocation_id.campaign_id")
    segment_id = fields.Many2one(
        related="allocation_id.segment_id", store=True, index=True
    )
    date = fields.Datetime(related="allocation_id.date")
    kind = fields.Selection(related="allocation_id.kind")
    method_id = fields.Many2one(
        "reactivation.method", required=True, readonly=True, ondelete="cascade"
    )
    share = fields.Float(
        readonly=True,
        digits=(6, 4),
        aggregator=None,
        help="Of the patients who are not in the control group, between 0 and 1.",
    )
    returned = fields.Float(
        readonly=True, help="Of the closed ones, weighted by the chance there was."
    )
    closed = fields.Integer(
        string="Window Over",
        readonly=True,
        help="Patients of the method whose return window was over at that time.",
    )


class ReactivationEnrollment(models.Model):
    _inherit = "reactivation.enrollment"

    allocation_id = fields.Many2one(
        "reactivation.allocation",
        readonly=True,
        ondelete="set null",
        groups="patient_reactivation.group_reactivation_manager",
        help="The shares the patient's method was drawn by.",
    )
