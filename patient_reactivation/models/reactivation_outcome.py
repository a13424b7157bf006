import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..tools.spreadsheets import neutral_rows
from ..tools.transaction import begin_read_committed

_logger = logging.getLogger(__name__)

KINDS = [
    ("opened", "Opened"),
    ("clicked", "Clicked"),
    ("replied", "Replied"),
    ("auto_replied", "Automatic reply"),
    ("answered", "Answered the survey"),
    ("bounced", "Bounced"),
    ("complained", "Reported as spam"),
    ("unsubscribed", "Unsubscribed"),
    ("booked", "Booked"),
    ("returned", "Returned"),
    ("loyal", "Won back"),
    ("corrected", "Visit was taken back"),
    ("redeemed", "Used a coupon"),
    ("unredeemed", "Use of a coupon was taken back"),
]

# What people did with a message -> the date of it on the delivery.
DELIVERY_DATES = {
    "opened": "opened_on",
    "clicked": "clicked_on",
    "replied": "replied_on",
    "bounced": "bounced_on",
}

# Facts of visits are unique by their date. Not so those of messages, even after
# their delivery is gone.
VISIT_FACT = "kind IN ('booked', 'returned', 'loyal', 'corrected')"

# Visits entered late are still noticed this long after the windows are over;
# the nightly pass looks at everything.
GRACE = timedelta(days=14)


class ReactivationOutcome(models.Model):
    """A fact that followed an enrollment. Rows are only ever added.

    Some follow from visits: `_refresh` reads the live ones and derives from them
    the dates and the stage of the enrollments. Others are what became of a
    message (`_append`): a hint, which no rate of success is computed from.
    """

    _name = "reactivation.outcome"
    _description = "Outcome"
    _order = "date desc, id desc"
    _rec_name = "kind"

    enrollment_id = fields.Many2one(
        "reactivation.enrollment", required=True, index=True, ondelete="cascade"
    )
    campaign_id = fields.Many2one(
        related="enrollment_id.campaign_id", store=True, index=True
    )
    company_id = fields.Many2one(related="enrollment_id.company_id", store=True)
    delivery_id = fields.Many2one(
        "reactivation.delivery", index="btree_not_null", ondelete="set null"
    )
    kind = fields.Selection(KINDS, required=True)
    date = fields.Datetime(required=True, help="When it happened.")
    is_bot = fields.Boolean(
        string="By a Machine",
        readonly=True,
        help="A scanner of links, a mail provider or a preview did this, not the "
        "patient.",
    )

    _visit_fact_uniq = models.UniqueIndex(
        f"(enrollment_id, kind, date) WHERE {VISIT_FACT}",
        "This outcome is on record already.",
    )
    # Of a message, the first of each kind by people and the first by machines.
    _event_uniq = models.UniqueIndex(
        "(delivery_id, kind, is_bot) WHERE delivery_id IS NOT NULL",
        "This outcome is on record already.",
    )

    def write(self, vals):  # pylint: disable=method-required-super
        raise UserError(self.env._("Outcomes are facts: they cannot be changed."))

    # ----------------------------------------------------------------- messages

    @api.model
    def _append(self, kind, deliveries, date=None, is_bot=False):
        """Note what became of messages, the first time only.

        What people did is stamped on the delivery too. Nothing else is decided
        here: the runner looks before it sends.

        :param str kind: one of `KINDS`
        :param datetime date: when it happened, by default now
        :param bool is_bot: a machine did it
        :return: number of outcomes that are new
        """
        if not deliveries:
            return 0
        # What became of a message to a family became of everybody's.
        deliveries = deliveries._with_members()
        self.env.flush_all()
        date = date or fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """INSERT INTO reactivation_outcome (
                       enrollment_id, campaign_id, company_id, delivery_id, kind,
                       date, is_bot, create_uid, create_date, write_uid, write_date)
                   SELECT enrollment.id, enrollment.campaign_id,
                          enrollment.company_id, delivery.id, %(kind)s, %(date)s,
                          %(is_bot)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                     FROM reactivation_delivery delivery
                     JOIN reactivation_enrollment enrollment
                       ON enrollment.id = delivery.enrollment_id
                    WHERE delivery.id = ANY(%(deliveries)s)
                 ORDER BY delivery.id
              ON CONFLICT (delivery_id, kind, is_bot)
                    WHERE delivery_id IS NOT NULL DO NOTHING
                RETURNING id""",
                kind=kind,
                date=date,
                is_bot=is_bot,
                uid=self.env.uid,
                now=fields.Datetime.now(),
                deliveries=deliveries.ids,
            )
        )
        appended = [row[0] for row in self.env.cr.fetchall()]
        with self.env["reactivation.automation"]._together():
            if not is_bot and kind in DELIVERY_DATES:
                self._stamp_deliveries(DELIVERY_DATES[kind], deliveries, date)
            if appended:
                self.env["reactivation.enrollment"].invalidate_model(["outcome_ids"])
                self.env["reactivation.automation"]._created(self._name, appended)
        return len(appended)

    @api.model
    def _append_of_coupon(self, kind, coupons):
        """Note that coupons of enrolled patients were used, or taken back. Each time:
        a coupon may be used again after its order was canceled.

        :param str kind: redeemed or unredeemed
        """
        now = fields.Datetime.now()
        return self.sudo().create(
            [
                {"enrollment_id": coupon.enrollment_id.id, "kind": kind, "date": now}
                for coupon in coupons
                if coupon.enrollment_id
            ]
        )

    @api.model
    def _stamp_deliveries(self, field, deliveries, date):
        """The first date wins; a row that has one is left alone, and unlocked."""
        self.env.cr.execute(
            SQL(
                """UPDATE reactivation_delivery
                      SET %(field)s = %(date)s, write_date = %(now)s
                    WHERE id = ANY(%(deliveries)s) AND %(field)s IS NULL
                RETURNING id""",
                field=SQL.identifier(field),
                date=date,
                now=fields.Datetime.now(),
                deliveries=deliveries.ids,
            )
        )
        stamped = [row[0] for row in self.env.cr.fetchall()]
        deliveries.invalidate_recordset([field, "write_date"])
        self.env["reactivation.automation"]._changed(
            deliveries._name, {res_id: {field: False} for res_id in stamped}
        )

    # ------------------------------------------------------------------- visits

    @api.model
    def _refresh(self, everything=False, moment=None, campaigns=None):
        """Find bookings, returns and further visits of enrolled patients.

        Definitions (section 2 of the design): *returned* is the first visit
        after enrollment within the campaign's return window; *loyal* the next
        visit on a later day within the loyalty window counted from the return.

        A visit counts once, for the enrollment that was running when the patient
        came: of one patient and company that is the last one before the visit,
        however many campaigns have touched the patient.

        :param bool everything: also enrollments whose windows are long over
        :param campaigns: only these
        :return: number of enrollments that changed
        """
        self.env.flush_all()
        moment = moment or fields.Datetime.now()
        cr = self.env.cr
        self.env["reactivation.patient"]._allow_memory()
        self._forget_found()
        watched, partners = self._watch(
            None if everything else moment - GRACE, campaigns
        )
        for table, statement in (
            ("reactivation_came", self._came_sql(watched, partners, moment)),
            ("reactivation_returned", self._returned_sql()),
            ("reactivation_found", self._found_sql(watched, moment)),
        ):
            # Three statements, each of which the next one reads.
            name = SQL.identifier(table)
            cr.execute(
                SQL("CREATE TEMP TABLE %s ON COMMIT DROP AS %s", name, statement)
            )
            cr.execute(SQL("ANALYZE %s", name))
        automation = self.env["reactivation.automation"]
        with automation._together():
            with automation._watch_table(
                "reactivation.enrollment", SQL("SELECT id FROM reactivation_found")
            ):
                cr.execute(self._insert_sql(moment))
                automation._created(self._name, [row[0] for row in cr.fetchall()])
                cr.execute(self._update_sql(moment))
                changed = cr.rowcount
                cr.execute(self._stages_sql(moment))
                changed += cr.rowcount
                self._withdraw_deliveries(cr.fetchall() + self._needless_tasks())
            changed += self._refresh_money(watched, moment)
            self._forget_found()
            self.env["reactivation.enrollment"].invalidate_model()
            self.invalidate_model()
        return changed

    def _forget_found(self):
        self.env.cr.execute(
            """DROP TABLE IF EXISTS reactivation_watched, reactivation_came,
                                    reactivation_returned, reactivation_found"""
        )

    def _watch(self, since, campaigns=None):
        """Choose the enrollments whose visits still matter.

        :param datetime since: end of the windows; None: all
        :return: SQL of a subquery of their ids, None for the enrollments of everybody
            whose visits are known; SQL of one of the patients whose visits are read by
            their index, None where reading all visits is faster
        """
        if since is None and campaigns is None:
            return None, None
        self.env.cr.execute(
            SQL(
                """CREATE TEMP TABLE reactivation_watched ON COMMIT DROP AS
                   SELECT id, partner_id FROM reactivation_enrollment
                    WHERE partner_id IS NOT NULL
                      AND (%(since)s::timestamp IS NULL OR loyalty_closes >= %(since)s)
                      AND %(chosen)s""",
                since=since,
                chosen=SQL("TRUE")
                if campaigns is None
                else SQL("campaign_id = ANY(%s)", campaigns.ids),
            )
        )
        partners = SQL("SELECT partner_id FROM reactivation_watched")
        if self.env["reactivation.patient"]._is_large_share(self.env.cr.rowcount):
            partners = None
        # The estimates of what comes of the visits are far off: whatever the plan is,
        # one of them is found by its key.
        self.env.cr.execute("ALTER TABLE reactivation_watched ADD PRIMARY KEY (id)")
        self.env.cr.execute("ANALYZE reactivation_watched")
        return SQL("SELECT id FROM reactivation_watched"), partners

    @api.model
    def _is_watched_sql(self, watched):
        """:return: SQL of the condition that `enrollment` is one of those"""
        if watched is None:
            return SQL("enrollment.partner_id IS NOT NULL")
        return SQL("enrollment.id IN (%s)", watched)

    @api.model
    def _is_last_sql(self, alias, before):
        """What a patient does counts once: for the last enrollment before it.

        :param str alias: of the enrollments
        :param SQL before: the condition that `later` began before it, too
        :return: SQL of the condition that the enrollment is the last such one
        """
        return SQL(
            """NOT EXISTS (
                   SELECT FROM reactivation_enrollment later
                    WHERE later.partner_id = %(partner)s
                      AND later.company_id = %(company)s
                      AND (later.enrolled_on, later.id) > (%(enrolled_on)s, %(id)s)
                      AND %(before)s
                      AND later.stop_reason IS DISTINCT FROM 'merged')""",
            partner=SQL.identifier(alias, "partner_id"),
            company=SQL.identifier(alias, "company_id"),
            enrolled_on=SQL.identifier(alias, "enrolled_on"),
            id=SQL.identifier(alias, "id"),
            before=before,
        )

    def _came_sql(self, watched, partners, moment):
        """:return: SQL: the visits after the enrollment, done and planned"""
        is_watched = self._is_watched_sql(watched)
        [[first]] = self.env.execute_query(
            SQL(
                "SELECT min(enrolled_on) FROM reactivation_enrollment enrollment"
                " WHERE %s",
                is_watched,
            )
        )
        return SQL(
            """SELECT enrollment.id, enrollment.partner_id, enrollment.company_id,
                      enrollment.return_closes, campaign.loyalty_days,
                      visit.date, visit.day, visit.state, visit.amount
                 FROM (%(union)s) AS visit
                 JOIN reactivation_enrollment enrollment
                   ON enrollment.partner_id = visit.partner_id
                  AND enrollment.company_id = visit.company_id
                  AND enrollment.enrolled_on < visit.date
                  AND enrollment.episode_date < visit.day
                 JOIN reactivation_campaign campaign
                   ON campaign.id = enrollment.campaign_id
                -- Said once more, so that what was before is not read at all.
                WHERE visit.date > %(first)s AND visit.state IN ('done', 'planned')
                  AND %(is_watched)s AND %(is_last)s""",
            union=self.env["reactivation.visit.source"]._union_sql(partners, moment),
            first=first or moment,
            is_watched=is_watched,
            is_last=self._is_last_sql(
                "enrollment", SQL("later.enrolled_on < visit.date")
            ),
        )

    def _returned_sql(self):
        """:return: SQL: who returned, who stayed, and what they paid for their visits
        from the return to the end of the loyalty window"""
        return SQL(
            """SELECT returned.id, returned.day AS returned_date,
                      returned.date AS returned_at,
                      min(came.day) FILTER (WHERE came.day > returned.day
                                            AND coupon.day IS NULL) AS loyal_date,
                      min(came.date) FILTER (WHERE came.day > returned.day
                                             AND coupon.day IS NULL) AS loyal_at,
                      sum(came.amount) AS visit_amount
                 FROM (SELECT id, min(day) AS day, min(date) AS date
                         FROM reactivation_came
                        WHERE state = 'done' AND date <= return_closes
                     GROUP BY id) AS returned
                 JOIN reactivation_came came
                   ON came.id = returned.id AND came.state = 'done'
                  AND came.day BETWEEN returned.day AND returned.day + came.loyalty_days
                 -- Who stays pays the full price.
            LEFT JOIN (SELECT DISTINCT partner_id, company_id, redeemed_day AS day
                         FROM reactivation_coupon WHERE state = 'redeemed') AS coupon
                   ON coupon.partner_id = came.partner_id
                  AND coupon.company_id = came.company_id AND coupon.day = came.day
             GROUP BY returned.id, returned.day, returned.date"""
        )

    def _found_sql(self, watched, moment):
        """:return: SQL: the enrollments whose booking, return, stay, stage or end is
        another one than is stored"""
        return SQL(
            """SELECT enrollment.id, contacted.date AS first_contact_date,
                      booked.date AS booked_date,
                      returned.returned_date, returned.returned_at,
                      returned.loyal_date, returned.loyal_at
                 FROM reactivation_enrollment enrollment
                 JOIN reactivation_campaign campaign
                   ON campaign.id = enrollment.campaign_id
            LEFT JOIN reactivation_returned returned ON returned.id = enrollment.id
            LEFT JOIN (SELECT id, min(date) AS date FROM reactivation_came
                        WHERE state = 'planned' AND date <= return_closes
                     GROUP BY id) AS booked ON booked.id = enrollment.id
            LEFT JOIN (SELECT enrollment_id, min(sent_on) AS date
                         FROM reactivation_delivery
                        WHERE sent_on IS NOT NULL AND %(of_watched)s
                     GROUP BY enrollment_id) AS contacted
                   ON contacted.enrollment_id = enrollment.id
                WHERE %(is_watched)s
                  AND ((enrollment.first_contact_date, enrollment.booked_date,
                        enrollment.returned_date, enrollment.loyal_date)
                       IS DISTINCT FROM
                       (contacted.date, booked.date, returned.returned_date,
                        returned.loyal_date)
                       OR %(is_over)s)""",
            of_watched=self._of_watched_sql(watched),
            is_watched=self._is_watched_sql(watched),
            is_over=self._is_over_sql(moment),
        )

    @api.model
    def _of_watched_sql(self, watched):
        """:return: SQL of the condition that a delivery is of one of those"""
        return SQL("TRUE") if watched is None else SQL("enrollment_id IN (%s)", watched)

    def _insert_sql(self, moment):
        """Append what is new; a return that is no longer there is corrected."""
        return SQL(
            """INSERT INTO reactivation_outcome (
                   enrollment_id, campaign_id, company_id, kind, date, is_bot,
                   create_uid, create_date, write_uid, write_date)
               SELECT enrollment.id, enrollment.campaign_id, enrollment.company_id,
                      fact.kind, fact.date, FALSE,
                      %(uid)s, %(now)s, %(uid)s, %(now)s
                 FROM reactivation_found found
                 JOIN reactivation_enrollment enrollment ON enrollment.id = found.id
           CROSS JOIN LATERAL (VALUES
                      ('booked', CASE WHEN found.booked_date IS DISTINCT FROM
                                 enrollment.booked_date THEN found.booked_date END),
                      ('returned', CASE WHEN found.returned_date IS DISTINCT FROM
                                 enrollment.returned_date THEN found.returned_at END),
                      ('loyal', CASE WHEN found.loyal_date IS DISTINCT FROM
                                 enrollment.loyal_date THEN found.loyal_at END),
                      ('corrected', CASE WHEN found.returned_date IS NULL AND
                                 enrollment.returned_date IS NOT NULL
                                 THEN %(now)s::timestamp END)
                      ) AS fact (kind, date)
                WHERE fact.date IS NOT NULL
          ON CONFLICT (enrollment_id, kind, date) WHERE %(visit_fact)s
               DO NOTHING
            RETURNING id""",
            uid=self.env.uid,
            now=moment,
            visit_fact=SQL(VISIT_FACT),
        )

    def _update_sql(self, moment):
        return SQL(
            """UPDATE reactivation_enrollment enrollment
                  SET first_contact_date = found.first_contact_date,
                      booked_date = found.booked_date,
                      returned_date = found.returned_date,
                      loyal_date = found.loyal_date,
                      write_date = %(now)s
                 FROM reactivation_found found
                WHERE found.id = enrollment.id
                  AND (enrollment.first_contact_date, enrollment.booked_date,
                       enrollment.returned_date, enrollment.loyal_date)
                      IS DISTINCT FROM
                      (found.first_contact_date, found.booked_date,
                       found.returned_date, found.loyal_date)""",
            now=moment,
        )

    def _stages_sql(self, moment):
        """Stage and end of the watched enrollments, where they differ.

        An enrollment runs until the patient is back or the return window is
        over: until then no other campaign may have the patient. Its steps end
        before that, when the patient has booked: they do not go on by themselves
        if that is canceled.

        The statement returns what the steps ended with, where that is new.
        """
        return SQL(
            """UPDATE reactivation_enrollment enrollment
                  SET stage = derived.stage,
                      state = CASE WHEN derived.ended AND enrollment.state = 'running'
                                   THEN 'done' ELSE enrollment.state END,
                      next_step_id = CASE WHEN derived.ended OR derived.end_reason
                                               IS NOT NULL THEN NULL
                                          ELSE enrollment.next_step_id END,
                      next_date = CASE WHEN derived.ended OR derived.end_reason
                                            IS NOT NULL THEN NULL
                                       ELSE enrollment.next_date END,
                      steps_ended = COALESCE(
                          enrollment.steps_ended, derived.end_reason),
                      write_date = %(now)s
                 FROM (SELECT enrollment.id, %(stage)s AS stage, %(ended)s AS ended,
                              %(end_reason)s AS end_reason
                         FROM reactivation_enrollment enrollment
                         JOIN reactivation_campaign campaign
                           ON campaign.id = enrollment.campaign_id
                         JOIN reactivation_found found
                           ON found.id = enrollment.id
                        WHERE %(is_over)s) AS derived
                WHERE derived.id = enrollment.id
            RETURNING enrollment.id, derived.end_reason""",
            stage=self.env["reactivation.enrollment"]._stage_sql(moment),
            ended=self._ended_sql(moment),
            end_reason=self._end_reason_sql(moment),
            is_over=self._is_over_sql(moment),
            now=moment,
        )

    @api.model
    def _is_over_sql(self, moment):
        """:return: SQL of the condition that an enrollment's dates give another stage
        than is stored, or its end, or that of its steps"""
        return SQL(
            """(enrollment.stage <> %(stage)s
                OR enrollment.state = 'running' AND %(ended)s
                OR %(end_reason)s IS NOT NULL)""",
            stage=self.env["reactivation.enrollment"]._stage_sql(moment),
            ended=self._ended_sql(moment),
            end_reason=self._end_reason_sql(moment),
        )

    @api.model
    def _ended_sql(self, moment):
        return SQL(
            """(enrollment.returned_date IS NOT NULL
                OR enrollment.return_closes <= %s)""",
            moment,
        )

    @api.model
    def _end_reason_sql(self, moment):
        """:return: SQL of why the steps end now, or NULL"""
        return SQL(
            """CASE WHEN enrollment.is_control OR enrollment.steps_ended IS NOT NULL
                    THEN NULL
                    WHEN enrollment.returned_date IS NOT NULL THEN 'returned'
                    WHEN enrollment.booked_date IS NOT NULL THEN 'booked'
                    WHEN enrollment.return_closes <= %s THEN 'expired' END""",
            moment,
        )

    def _needless_tasks(self):
        """The last step of a method may be a task that is still to be done: nothing
        ends there, but who is on the way is not called.

        :return: list of (enrollment id, reason)
        """
        return self.env.execute_query(
            SQL(
                """SELECT enrollment.id,
                          CASE WHEN enrollment.returned_date IS NULL
                               THEN 'booked' ELSE 'returned' END
                     FROM reactivation_delivery delivery
                     JOIN reactivation_enrollment enrollment
                       ON enrollment.id = delivery.enrollment_id
                    WHERE delivery.state = 'todo'
                      AND enrollment.steps_ended = 'completed'
                      AND COALESCE(enrollment.returned_date::timestamp,
                                   enrollment.booked_date) IS NOT NULL"""
            )
        )

    def _withdraw_deliveries(self, ended):
        """Take back what was not sent yet of enrollments whose steps have ended.

        :param ended: list of (enrollment id, reason or None)
        """
        by_reason = {}
        for enrollment_id, reason in ended:
            if reason:
                by_reason.setdefault(reason, []).append(enrollment_id)
        for reason, ids in by_reason.items():
            # A statement per reason, of which there are three.
            self.env["reactivation.enrollment"].browse(ids)._withdraw_deliveries(reason)

    # --------------------------------------------------------------------- cron

    @api.model
    def _cron_refresh(self):
        """Every few minutes: enrollments whose windows are open."""
        begin_read_committed(self.env)
        changed = self._refresh()
        _logger.info("Outcomes: %s enrollments changed.", changed)
        # The runner cannot say of itself that it has stopped.
        self.env["reactivation.runner"]._warn_if_stalled()

    @api.model
    def _cron_refresh_all(self):
        """Nightly: all enrollments, so that late corrections reach the past."""
        begin_read_committed(self.env)
        changed = self._refresh(everything=True)
        _logger.info("All outcomes: %s enrollments changed.", changed)

    def export_data(self, fields_to_export):
        self.env["reactivation.patient"]._check_export()
        return neutral_rows(super().export_data(fields_to_export))
