from odoo import models
from odoo.tools import SQL


class MergePartnerAutomatic(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Unite the patients before the contacts are merged.

        Core would delete a row that the merge makes a duplicate of another one,
        and its reason, its enrollment or its history with it.
        """
        self.env.flush_all()
        sources, target = tuple(src_partners.ids), dst_partner.id
        self._unite_patients(sources, target)
        self.env["reactivation.enrollment"]._unite(src_partners, dst_partner)
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self.env["reactivation.patient"].sudo()._refresh([target])
        return result

    def _unite_patients(self, sources, target):
        """Keep one row per company, with the reason any of them has."""
        cr = self.env.cr
        cr.execute(
            SQL(
                """UPDATE reactivation_patient kept SET reason_id = (
                       SELECT other.reason_id FROM reactivation_patient other
                        WHERE other.partner_id IN %(sources)s
                          AND other.company_id = kept.company_id
                          AND other.reason_id IS NOT NULL
                     ORDER BY other.write_date DESC NULLS LAST LIMIT 1)
                    WHERE kept.partner_id = %(target)s AND kept.reason_id IS NULL""",
                sources=sources,
                target=target,
            )
        )
        # Of several rows of one company the kept contact's own, else the oldest.
        cr.execute(
            SQL(
                """DELETE FROM reactivation_patient patient USING (
                       SELECT id, row_number() OVER (
                                  PARTITION BY company_id
                                  ORDER BY partner_id <> %(target)s,
                                           reason_id IS NULL, id) AS rank
                         FROM reactivation_patient
                        WHERE partner_id IN %(everyone)s) ranked
                    WHERE ranked.id = patient.id AND ranked.rank > 1""",
                target=target,
                everyone=(*sources, target),
            )
        )
        self.env["reactivation.patient"].invalidate_model()
