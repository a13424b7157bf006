from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import lift, rates

LEVEL = 1 - rates.CONFIDENCE

ADOPTIONS = [
    ("propose", "Propose it to the responsible"),
    ("automatic", "Use it from then on"),
]


class ReactivationCampaign(models.Model):
    _inherit = "reactivation.campaign"

    adoption = fields.Selection(
        ADOPTIONS,
        string="When a Method Is Best",
        default="propose",
        required=True,
        tracking=True,
        help="A method is best in a segment when it has won back more patients than "
        "every other one and than the control group, and chance does not explain it. "
        "It can be taken back at any time.",
    )
    decision_ids = fields.One2many(
        "reactivation.decision",
        "campaign_id",
        groups="patient_reactivation.group_reactivation_manager",
    )


class ReactivationDecision(models.Model):
    """A method was best in a segment: what was known, and what was made of it.

    The numbers stay as they were on that day.
    """

    _name = "reactivation.decision"
    _description = "Decision about a Method"
    _order = "date desc, id desc"
    _rec_name = "method_id"

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
    method_id = fields.Many2one(
        "reactivation.method",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    state = fields.Selection(
        [
            ("proposed", "Proposed"),
            ("adopted", "Adopted"),
            ("refused", "Refused"),
            ("taken_back", "Taken Back"),
            ("outdated", "Outdated"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="proposed",
    )
    date = fields.Datetime(string="Found On", required=True, readonly=True)
    decided_on = fields.Datetime(readonly=True)
    user_id = fields.Many2one("res.users", string="Decided By", readonly=True)
    count = fields.Integer(string="Patients", readonly=True, aggregator=None)
    win_back_rate = fields.Float(string="Win-Back Rate", readonly=True, aggregator=None)
    control_count = fields.Integer(
        string="Control Group", readonly=True, aggregator=None
    )
    control_rate = fields.Float(
        string="Control Group's Rate", readonly=True, aggregator=None
    )
    lift = fields.Float(readonly=True, aggregator=None)
    lift_low = fields.Float(string="Lift: Low End", readonly=True, aggregator=None)
    lift_high = fields.Float(string="Lift: High End", readonly=True, aggregator=None)
    level = fields.Float(
        readonly=True,
        digits=(12, 6),
        aggregator=None,
        help="How often chance alone would show as much, however often one looks and "
        "whatever the number of segments.",
    )
    rivals = fields.Json(readonly=True)

    _proposed_uniq = models.UniqueIndex(
        "(segment_id) WHERE state = 'proposed'",
        "A method is proposed for this segment already.",
    )
    _adopted_uniq = models.UniqueIndex(
        "(segment_id) WHERE state = 'adopted'",
        "A method is adopted for this segment already.",
    )

    # ---------------------------------------------------------------------- find

    @api.model
    def _decide(self, campaign, moment=None):
        """Note which method is best, segment by segment, where that is new.

        What was refused or taken back is not proposed again by itself.

        :return: the new decisions
        """
        moment = moment or fields.Datetime.now()
        verdicts = self.env["reactivation.experiment"]._verdicts(campaign, moment)
        known = self.sudo().search([("campaign_id", "=", campaign.id)])
        new = self.browse()
        for segment, (strongest, level, trial) in verdicts.items():
            about = known.filtered(
                lambda item, segment=segment: item.segment_id == segment
            )
            decided = about.filtered(lambda item: item.state != "outdated")
            if level > LEVEL or strongest.name in decided.method_id:
                continue
            # A handful of segments, and hardly ever one that is new.
            about.filtered(lambda item: item.state == "proposed").state = "outdated"
            new |= self.sudo().create(
                self._values(campaign, segment, strongest.name, level, trial, moment)
            )
        for decision in new:
            decision._announce()
        return new

    @api.model
    def _values(self, campaign, segment, method, level, trial, moment):
        arms = trial.ways[method]
        against = lift.compare(arms, trial.control)
        names = {way: way.display_name for way in trial.ways if way != method}
        rivals = [
            {"name": name, **self._rival(arms, trial.ways[way])}
            for way, name in names.items()
        ]
        return {
            "campaign_id": campaign.id,
            "segment_id": segment.id,
            "method_id": method.id,
            "date": moment,
            "count": sum(arm.count for arm in arms),
            "win_back_rate": lift.weighted_rate(arms),
            "control_count": sum(arm.count for arm in trial.control),
            "control_rate": lift.weighted_rate(trial.control) or 0,
            "lift": against.difference.value if against else 0,
            "lift_low": against.difference.low if against else 0,
            "lift_high": against.difference.high if against else 0,
            "level": level,
            "rivals": rivals,
        }

    @api.model
    def _rival(self, arms, others):
        found = lift.compare(arms, others)
        return {
            "count": found.other_count,
            "rate": lift.weighted_rate(others),
            "low": found.difference.low,
            "high": found.difference.high,
        }

    # ------------------------------------------------------------------- announce

    def _announce(self):
        """Tell the responsible, or adopt it at once if the clinic says so."""
        self.ensure_one()
        decision = self.with_context(lang=self.campaign_id._caretaker().lang)
        if self.campaign_id.adoption == "automatic":
            decision._adopt()
            return
        decision._post(
            decision.env._("%(method)s is the best method for the segment %(segment)s.")
        )
        decision.campaign_id._alert(
            decision.env._(
                "Best for %(segment)s: %(method)s. Use it for new patients?",
                segment=decision.segment_id.name,
                method=decision.method_id.display_name,
            ),
            decision._numbers(),
        )

    def _post(self, sentence):
        """Write into the campaign's chatter what was decided, with its numbers.

        :param str sentence: with %(method)s and %(segment)s
        """
        words = Markup("<b>%s</b>")
        names = {
            "method": words % self.method_id.display_name,
            "segment": words % self.segment_id.display_name,
        }
        body = Markup("<p>{}</p>{}").format(
            Markup(escape(sentence)) % names, self._numbers()
        )
        self.campaign_id.message_post(body=body)

    def _numbers(self):
        """:return: Markup of a list: what the decision rests on"""
        self.ensure_one()
        experiment = self.env["reactivation.experiment"]
        lines = [
            self.env._(
                "Won back: %(rate)s of %(count)s patients whose windows are over; in "
                "the control group %(control)s of %(controls)s.",
                rate=experiment._percent(self.win_back_rate, 1),
                count=self.count,
                control=experiment._percent(self.control_rate, 1),
                controls=self.control_count,
            )
            if self.control_count
            else self.env._(
                "Won back: %(rate)s of %(count)s patients whose windows are over. "
                "There is no control group.",
                rate=experiment._percent(self.win_back_rate, 1),
                count=self.count,
            )
        ]
        if self.control_count:
            lines.append(
                self.env._(
                    "Lift: %(lift)s points (%(low)s to %(high)s).",
                    lift=experiment._points(self.lift),
                    low=experiment._points(self.lift_low),
                    high=experiment._points(self.lift_high),
                )
            )
        lines += [
            self.env._(
                "Better than %(name)s (%(rate)s of %(count)s) by %(low)s to %(high)s "
                "points.",
                name=rival["name"],
                rate=experiment._percent(rival["rate"], 1),
                count=rival["count"],
                low=experiment._points(rival["low"]),
                high=experiment._points(rival["high"]),
            )
            for rival in self.rivals or []
        ]
        lines.append(
            self.env._(
                "Chance alone would show as much in less than %s of such campaigns, "
                "however often one looks.",
                experiment._percent(max(self.level, 0.0001), 2),
            )
        )
        items = Markup("").join(Markup("<li>%s</li>") % line for line in lines)
        return Markup("<ul>%s</ul>") % items

    # ---------------------------------------------------------------------- decide

    def _adopt(self):
        """New patients of the segment get the method, apart from the control group."""
        self.ensure_one()
        before = self.sudo().search(
            [("segment_id", "=", self.segment_id.id), ("state", "=", "adopted")]
        )
        before._settle("taken_back")
        self._settle("adopted")
        self.sudo().segment_id.adopted_method_id = self.method_id
        self._post(
            self.env._(
                "From now on new patients of the segment %(segment)s get the method "
                "%(method)s. It can be taken back at any time."
            )
        )

    def _settle(self, state):
        self.sudo().write(
            {
                "state": state,
                "decided_on": fields.Datetime.now(),
                "user_id": self.env.uid,
            }
        )

    def _check_manager(self):
        """Whoever may change the campaign decides.

        :return: the decisions, locked: two managers at once decide once
        """
        self.check_access("read")
        self.ensure_one()
        self.campaign_id.check_access("write")
        decision = self.sudo()
        decision.lock_for_update()
        decision.invalidate_recordset(["state"])
        return decision

    def _close_alert(self):
        """The question is answered."""
        kind = self.env.ref("mail.mail_activity_data_warning")
        campaign = self.campaign_id.sudo()
        names = (self.method_id.display_name, self.segment_id.name)
        campaign.activity_ids.filtered(
            lambda activity: (
                activity.activity_type_id == kind
                and all(name in (activity.summary or "") for name in names)
            )
        ).action_done()

    def _refuse_state(self):
        raise UserError(
            self.env._(
                "Somebody has decided about this already (%s). Reload the page.",
                self._fields["state"].convert_to_export(self.state, self),
            )
        )

    def action_adopt(self):
        """Use the method from now on; also one that was refused or taken back."""
        decision = self._check_manager()
        if decision.state in ("adopted", "outdated"):
            decision._refuse_state()
        in_use = self.campaign_id._current_methods()._startable()
        if not self.method_id._in_use_as(in_use):
            raise UserError(
                self.env._("The method is not in use any more: nobody can be given it.")
            )
        self._adopt()
        self._close_alert()

    def action_refuse(self):
        """Go on trying all methods."""
        decision = self._check_manager()
        if decision.state != "proposed":
            decision._refuse_state()
        self._settle("refused")
        self._post(
            self.env._(
                "The segment %(segment)s goes on trying all methods: %(method)s was "
                "not adopted."
            )
        )
        self._close_alert()

    def action_take_back(self):
        """Try all methods again."""
        decision = self._check_manager()
        if decision.state != "adopted":
            decision._refuse_state()
        self._settle("taken_back")
        self.sudo().segment_id.adopted_method_id = False
        self._post(
            self.env._(
                "The method %(method)s was taken back: new patients of the segment "
                "%(segment)s get all methods again."
            )
        )

    # ------------------------------------------------------------------------ cron

    @api.model
    def _cron_decide(self):
        """Nightly, after the outcomes: is a method best in one of the segments?"""
        campaigns = self.env["reactivation.campaign"].search(
            [("state", "in", ("running", "paused"))]
        )
        self.env["ir.cron"]._commit_progress(remaining=len(campaigns))
        for campaign in campaigns:
            # A commit per campaign: one that fails must not undo the others.
            self._decide(campaign.with_company(campaign.company_id))
            if not self.env["ir.cron"]._commit_progress(1):
                break
