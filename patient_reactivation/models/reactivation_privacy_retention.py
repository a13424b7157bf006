from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.transaction import work_read_committed
from .reactivation_privacy import ENROLLMENT

# Texts of one statement: bounded work, bounded locks.
BATCH = 1000


class ReactivationPrivacy(models.AbstractModel):
    """The end of texts that are old enough. What is counted stays, and so does what
    a patient allowed or withdrew: that has to be proven for years."""

    _name = "reactivation.privacy"
    _inherit = ["reactivation.privacy"]

    @api.model
    def _cron_retention(self):
        """Nightly: remove the texts that are older than the clinic keeps them."""
        progress = self.env["ir.cron"]
        self.env.flush_all()
        with work_read_committed(self.env):
            for work in self._retention_work():
                # Batch after batch, until there is no more or the time is up.
                while count := work():
                    if not progress._commit_progress(count, remaining=1):
                        return
            progress._commit_progress(remaining=0)

    @api.model
    def _retention_work(self):
        """:return: functions that do one batch each and tell how much it was"""
        yield self._remove_leftovers
        yield self.env["reactivation.feedback"].sudo()._forget_unasked
        companies = self.env["res.company"].sudo().with_context(active_test=False)
        requests = self.env["reactivation.payment.request"]
        for company in companies.search([]):
            yield lambda args=(company,): requests._remove_figures(*args)
            months = company.reactivation_retention_months
            if months <= 0:
                continue
            before = fields.Datetime.now() - relativedelta(months=months)
            for remove in (
                self._remove_answers,
                self._remove_follow_ups,
                self._remove_texts,
                self._remove_files,
                self._remove_mails,
                self._remove_tasks,
            ):
                yield lambda remove=remove, args=(company, before): remove(*args)

    @api.model
    def _remove_leftovers(self):
        """What came onto the thread of somebody who was being erased."""
        rows = self.env.execute_query(
            SQL(
                """SELECT message.id FROM reactivation_enrollment enrollment
                     JOIN mail_message message
                       ON message.model = 'reactivation.enrollment'
                      AND message.res_id = enrollment.id
                    WHERE enrollment.partner_id IS NULL
                      AND enrollment.stop_reason IS DISTINCT FROM 'merged'
                    LIMIT %s""",
                BATCH,
            )
        )
        messages = self.env["mail.message"].sudo().browse(row[0] for row in rows)
        enrollments = self.env[ENROLLMENT].sudo().browse(set(messages.mapped("res_id")))
        self._forget_traces(
            self.env["mailing.trace"]
            .sudo()
            .search([("reactivation_delivery_id", "in", enrollments.delivery_ids.ids)])
        )
        enrollments.delivery_ids.write(
            {"recipient_id": False, "failure": False, "message_id": False}
        )
        messages.attachment_ids.filtered(
            lambda item: item.res_model == ENROLLMENT
        ).unlink()
        messages.unlink()
        return len(rows)

    @api.model
    def _remove_texts(self, company, before):
        """The message stays as a fact, and so that an answer still finds its way."""
        rows = self.env.execute_query(
            SQL(
                """UPDATE mail_message SET body = '', subject = NULL
                    WHERE id IN (
                       SELECT message.id FROM mail_message message
                         JOIN reactivation_enrollment enrollment
                           ON enrollment.id = message.res_id
                          AND enrollment.company_id = %s
                        WHERE message.model = 'reactivation.enrollment'
                          AND (message.body <> '' OR message.subject IS NOT NULL)
                          AND message.date < %s
                        LIMIT %s FOR UPDATE OF message SKIP LOCKED)
                RETURNING id""",
                company.id,
                before,
                BATCH,
            )
        )
        ids = [row[0] for row in rows]
        if ids:
            self.env["mail.message"].sudo().browse(ids).invalidate_recordset(
                flush=False
            )
            # What a field was before, in words.
            self.env["mail.tracking.value"].sudo().search(
                [("mail_message_id", "in", ids)]
            ).unlink()
        return len(ids)

    @api.model
    def _remove_answers(self, company, before):
        """What patients answered in their own words goes; what it meant stays."""
        rows = self.env.execute_query(
            SQL(
                """SELECT user_input_id FROM reactivation_feedback
                    WHERE company_id = %s AND user_input_id IS NOT NULL
                      AND COALESCE(answered_on, deadline) < %s LIMIT %s""",
                company.id,
                before,
                BATCH,
            )
        )
        return self._remove("survey.user_input", [row[0] for row in rows])

    @api.model
    def _remove_follow_ups(self, company, before):
        """What came of follow-ups, in the words of the staff; that they were done
        stays."""
        routes = (
            self.env["reactivation.route"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("done_on", "<", before),
                    "|",
                    ("feedback_note", "!=", False),
                    ("activity_id", "!=", False),
                ],
                limit=BATCH,
            )
        )
        routes.activity_id.unlink()
        routes.write({"feedback_note": False, "activity_id": False})
        return len(routes)

    @api.model
    def _remove_files(self, company, before):
        # As old as its message; a file of its own has no other date.
        when = SQL(
            """COALESCE((SELECT max(message.date) FROM message_attachment_rel link
                           JOIN mail_message message ON message.id = link.message_id
                          WHERE link.attachment_id = row.id), row.create_date)"""
        )
        files = self._old("ir_attachment", "res_model", when, company, before)
        return self._remove("ir.attachment", files)

    @api.model
    def _remove_tasks(self, company, before):
        """Tasks that are done, with what was said on the phone."""
        when = SQL("CASE WHEN NOT row.active THEN row.date_done END")
        tasks = self._old("mail_activity", "res_model", when, company, before)
        return self._remove("mail.activity", tasks)

    @api.model
    def _remove_mails(self, company, before):
        """Mails that were never sent and never cleaned up. Not their messages."""
        rows = self.env.execute_query(
            SQL(
                """DELETE FROM mail_mail WHERE id IN (
                       SELECT mail.id FROM mail_mail mail
                         JOIN mail_message message ON message.id = mail.mail_message_id
                         JOIN reactivation_enrollment enrollment
                           ON enrollment.id = message.res_id
                          AND enrollment.company_id = %s
                        WHERE message.model = 'reactivation.enrollment'
                          AND message.date < %s
                        LIMIT %s FOR UPDATE OF mail SKIP LOCKED)
                RETURNING id""",
                company.id,
                before,
                BATCH,
            )
        )
        if rows:
            self.env.invalidate_all(flush=False)
        return len(rows)

    @api.model
    def _old(self, table, column, when, company, before):
        """:return: ids of old rows on the enrollments of a company, a batch of them"""
        rows = self.env.execute_query(
            SQL(
                """SELECT row.id FROM %s AS row
                     JOIN reactivation_enrollment enrollment
                       ON enrollment.id = row.res_id AND enrollment.company_id = %s
                    WHERE row.%s = 'reactivation.enrollment' AND %s < %s LIMIT %s""",
                SQL.identifier(table),
                company.id,
                SQL.identifier(column),
                when,
                before,
                BATCH,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _remove(self, model, ids):
        self.env[model].sudo().browse(ids).unlink()
        return len(ids)


class MailMessage(models.Model):
    _inherit = "mail.message"

    # Texts of enrollments there still are: the nightly removal looks at these only.
    _reactivation_text_idx = models.Index(
        "(date) WHERE model = 'reactivation.enrollment' "
        "AND (body <> '' OR subject IS NOT NULL)"
    )
