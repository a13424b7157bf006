from odoo import api, fields, models
from odoo.tools import SQL

# As many relatives as are looked for around one batch.
RELATIVES = 100


class ReactivationDelivery(models.Model):
    """With whom and how: one message for a family, and the patient's own channel."""

    _inherit = "reactivation.delivery"

    # ------------------------------------------------------------------- family

    @api.model
    def _lock_family(self, waiting, campaign, channel):
        """Others of the campaign who are due on this channel, at the same addresses.

        They may be at another step, or wait behind this batch. Rows another worker
        holds are left to it.

        :return: deliveries, locked
        """
        kind = self.env[f"reactivation.channel.{channel}"]
        company = campaign.company_id
        if company.reactivation_family_rule == "apart" or not kind._address_kind:
            return self.browse()
        self.env.flush_all()
        policy = self.env["reactivation.contact.policy"]
        rows = self.env.execute_query(
            SQL(
                """WITH address AS MATERIALIZED (
                       SELECT DISTINCT (%(addresses)s)[1] AS address
                         FROM reactivation_delivery delivery
                         JOIN res_partner partner ON partner.id = delivery.partner_id
                         JOIN res_partner recipient ON recipient.id = %(recipient)s
                        WHERE delivery.id IN %(ids)s
                   ), relative AS MATERIALIZED (%(relatives)s)
                   SELECT delivery.id FROM reactivation_delivery delivery
                     JOIN reactivation_step step ON step.id = delivery.step_id
                     -- One message makes an offer to all of them, or to nobody.
                      AND step.offer = %(offer)s
                    WHERE delivery.partner_id IN (SELECT id FROM relative)
                      AND delivery.state = 'pending' AND delivery.date <= %(now)s
                      AND delivery.campaign_id = %(campaign)s
                      AND delivery.channel = %(channel)s
                      AND delivery.id NOT IN %(ids)s
                 ORDER BY delivery.date, delivery.id LIMIT %(limit)s
               FOR UPDATE OF delivery SKIP LOCKED""",
                addresses=kind._addresses_sql(),
                recipient=policy._recipient_sql(company),
                relatives=self._relatives_sql(campaign, channel),
                offer=waiting.step_id.offer,
                ids=tuple(waiting.ids),
                now=fields.Datetime.now(),
                campaign=campaign.id,
                channel=channel,
                limit=RELATIVES,
            )
        )
        return self.browse(row[0] for row in rows)

    @api.model
    def _relatives_sql(self, campaign, channel):
        """:return: SQL of the contacts, column `id`, who use one of the addresses of
        `address`, and of the minors they answer for"""
        kind = self.env[f"reactivation.channel.{channel}"]
        columns = {"mail": "email_normalized", "phone": "phone_sanitized"}
        if kind._address_kind in columns:
            users = SQL(
                "SELECT person.id FROM res_partner person"
                " JOIN address ON address.address = person.%s",
                SQL.identifier(columns[kind._address_kind]),
            )
        else:
            # Few addresses of houses are indexed: those who are due are looked at.
            users = SQL(
                """SELECT recipient.id FROM reactivation_delivery due
                     JOIN res_partner recipient ON recipient.id = due.partner_id
                    WHERE due.state = 'pending' AND due.date <= %s
                      AND due.channel = %s AND due.campaign_id = %s
                      AND (%s)[1] IN (SELECT address FROM address)""",
                fields.Datetime.now(),
                channel,
                campaign.id,
                kind._addresses_sql(),
            )
        return SQL(
            """WITH person AS MATERIALIZED (%s)
               SELECT id FROM person
                UNION SELECT minor.id FROM res_partner minor
                  JOIN person ON person.id = minor.guardian_id""",
            users,
        )

    # ------------------------------------------------------------------ channel

    @api.model
    def _choose_channel(self, waiting):
        """Give deliveries of *the patient's own channel* the one to use.

        The patient's wish comes first, then the clinic's order; each only if the
        step has something to say there and the patient may be reached that way.
        """
        step = waiting.step_id
        campaign = waiting.campaign_id
        possible = step._channels()
        names = campaign.company_id._reactivation_channel_order()
        names = [name for name in names if name in possible]
        # A wish counts where the clinic's own order is silent, for who has it.
        wishes = set(waiting.partner_id.mapped("preferred_channel"))
        wishes = [name for name in possible if name in wishes - set(names)]
        policy = self.env["reactivation.contact.policy"]
        decisions = {
            # One round of questions for each channel of the step.
            name: policy._decide(waiting, name, campaign, now=False)
            for name in names + wishes
        }
        chosen, refused = {}, {}
        for delivery in waiting:
            order = delivery._channel_order(names, wishes)
            free = [name for name in order if not decisions[name][delivery.id].refusal]
            if free:
                chosen.setdefault(free[0], []).append(delivery.id)
            else:
                code = decisions[order[0]][delivery.id].refusal if order else None
                refused.setdefault(code or "no_content", []).append(delivery.id)
        for name, ids in chosen.items():
            # A write per channel.
            self.browse(ids).write({"channel": name})
        for code, ids in refused.items():
            # A write per reason.
            self.browse(ids)._settle("skipped", code)
        self.flush_model()

    def _channel_order(self, names, wishes=()):
        """:param names: the clinic's channels, in its order
        :param wishes: other channels, for those who prefer them
        :return: the channels to try for one patient, in order"""
        self.ensure_one()
        wish = self.partner_id.preferred_channel
        order = [name for name in (*names, *wishes) if name == wish]
        order += [name for name in names if name != wish]
        return [name for name in order if name != self.tried_channel]
