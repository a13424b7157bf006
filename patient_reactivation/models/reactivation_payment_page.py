from odoo import api, models
from odoo.exceptions import UserError

from ..tools.fee_scale import LARGEST_HOUSEHOLD


class ReactivationPaymentRequest(models.Model):
    """The patient's form in words, in the language of the environment."""

    _inherit = "reactivation.payment.request"

    def _page_values(self, people=None, error=False):
        """:param people: number of people in the household, as it was chosen
        :param error: what was wrong with the form that was sent
        :return: dict of the template's values"""
        self.ensure_one()
        company = self.company_id
        values = {
            "clinic": company.name,
            "phone": company.phone,
            "title": self.env._("Help with the cost"),
            "message": False,
            "error": error,
            "household": False,
            "bands": [],
            "largest": LARGEST_HOUSEHOLD,
            "is_open": self._form_is_open(),
        }
        if not values["is_open"]:
            return {**values, "error": False, "message": self._page_message()}
        values["message"] = self.env._(
            "You need not tell us more than this. Only the people who decide see it, "
            "and it is removed when it is not needed any more."
        )
        if people is not None:
            try:
                size = self._read_household(people)
            except UserError as refused:
                return {**values, "error": str(refused)}
            values["household"] = size
            values["bands"] = [
                (bracket.id or "above", text)
                for bracket, text in self.sudo().scale_id._bands(size)
            ]
        return values

    def _page_message(self):
        if self.state == "submitted":
            return self.env._(
                "Thank you. We have what we need, and will tell you what we decide."
            )
        if self.state in ("approved", "refused"):
            return self.env._(
                "We have decided on your request and told you. If you did not hear "
                "from us, give us a call."
            )
        return self.env._(
            "This form cannot be filled in any more. Give us a call, and we will help "
            "you."
        )

    @api.model
    def _page_values_unknown(self, throttled=False):
        """:return: dict of the template's values for a link that opens nothing"""
        message = self.env._(
            "Please open it from the message itself, or call the clinic."
        )
        if throttled:
            message = self.env._("Too many attempts. Please try again in ten minutes.")
        return {
            "clinic": False,
            "phone": False,
            "title": self.env._("This link does not work."),
            "message": message,
            "error": False,
            "household": False,
            "bands": [],
            "largest": LARGEST_HOUSEHOLD,
            "is_open": False,
        }


class ReactivationFeedback(models.Model):
    """Asking for payment help in the survey."""

    _inherit = "reactivation.feedback"

    def _ask_for_payment_help(self):
        asking = self.filtered(lambda item: item.wants_payment_help and item.partner_id)
        for company, group in asking.grouped("company_id").items():
            # One clinic, nearly always.
            self.env["reactivation.payment.request"]._ask(
                group.partner_id,
                company,
                "survey",
                {feedback.partner_id: feedback for feedback in group},
            )

    def _thanks_values(self):
        values = super()._thanks_values()
        requests = self.env["reactivation.payment.request"].sudo()
        request = requests.search(
            [("feedback_id", "=", self.id), ("state", "=", "asked")], limit=1
        )
        if request and request._form_is_open():
            values["payment_link"] = request._form_link()
        return values
