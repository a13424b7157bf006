from odoo import api, models
from odoo.tools import SQL, email_normalize
from odoo.tools.mail import email_normalize_all

from .reactivation_consent import PURPOSES

# What a person can decide on the page behind the link of an e-mail.
CHOICES = ("stop", "stop_mail", "stop_all", "undo")


class ReactivationUnsubscribe(models.AbstractModel):
    """What patients decide on the page behind the link of an e-mail.

    Every decision is a row of the ledger. Called as superuser, once the link was
    found to be genuine. The same decision at the same moment is one row.
    """

    _name = "reactivation.unsubscribe"
    _description = "Page to Unsubscribe"

    @api.model
    def _link(self, mailing, document, address):
        """Who and what the link of an e-mail is about.

        :param mailing: the e-mail of a step, or none if it was deleted since
        :param int document: id of the enrollment it was sent for
        :param str address: where it was sent to
        :return: dict of `delivery`, `partner`, `company`, `purpose`, `address`,
            `enrollment`; without a partner if the contact was deleted since. None
            if it cannot be told any more
        """
        enrollment = self.env["reactivation.enrollment"].browse(document).exists()
        domain = [("enrollment_id", "=", enrollment.id)]
        if mailing:
            domain.append(("step_id", "=", mailing.reactivation_step_id.id))
        delivery = self.env["reactivation.delivery"].search(domain, limit=1)
        # Who got it, which for a minor is the guardian.
        partner = delivery.recipient_id or enrollment.recipient_id
        known = email_normalize_all(partner.email or "")
        if not mailing and email_normalize(address) not in known:
            # The e-mail is gone, and was none of a step for all we know.
            return None
        campaign = mailing.reactivation_step_id.campaign_id or enrollment.campaign_id
        return {
            "enrollment": enrollment,
            "delivery": delivery,
            "partner": partner,
            "company": campaign.company_id,
            "purpose": campaign.purpose,
            "address": address,
        }

    # ------------------------------------------------------------------ decisions

    @api.model
    def _choose(self, link, choice, text):
        """Add what a person decided to the ledger.

        :param dict link: of `_link`
        :param str choice: one of `CHOICES`
        :param str text: what the person was shown
        """
        if not link["partner"]:
            self._stop_for_good(link)
        elif choice == "undo":
            self._undo(link, text)
        else:
            channel = "all" if choice == "stop_all" else "mail"
            purpose = link["purpose"] if choice == "stop" else "all"
            self._stop(link, channel, purpose, text)

    @api.model
    def _stop(self, link, channel, purpose, text):
        consents = self.env["reactivation.consent"]
        latest = self._latest(link, "granted")
        consents._withdraw(
            link["partner"],
            link["company"],
            channel,
            purpose,
            "page",
            address=link["address"],
            text=text,
            key=f"page:{link['enrollment'].id}:{channel}:{purpose}:{latest}",
        )
        self.env["reactivation.outcome"]._append("unsubscribed", link["delivery"])

    @api.model
    def _undo(self, link, text):
        """Allow again what came before: the messages of this kind by e-mail, and
        what is closer to the patient's care than they are.

        Nothing on other channels comes back with it, nor anything that this
        person never got.
        """
        latest = self._latest(link, "withdrawn")
        codes = [code for code, _label in PURPOSES]
        for purpose in codes[: codes.index(link["purpose"]) + 1]:
            # Three at most.
            if self._is_stopped(link, "mail", purpose):
                self.env["reactivation.consent"]._grant(
                    link["partner"],
                    link["company"],
                    "mail",
                    purpose,
                    "page",
                    address=link["address"],
                    text=text,
                    key=f"page:{link['enrollment'].id}:undo:{purpose}:{latest}",
                )

    @api.model
    def _stop_for_good(self, link):
        """Nobody is known by this address any more, and nobody shall be."""
        self.env["reactivation.suppression"]._add(
            "mail", [link["address"]], "complaint", link["company"]
        )

    @api.model
    def _latest(self, link, state):
        """:return: id of the person's last word of a kind, or 0"""
        return self.env.execute_query(
            SQL(
                """SELECT COALESCE(max(id), 0) FROM reactivation_consent
                    WHERE partner_id = %s AND state = %s""",
                link["partner"].id,
                state,
            )
        )[0][0]

    # ---------------------------------------------------------------------- state

    @api.model
    def _is_stopped(self, link, channel, purpose):
        """Only what this person said: others at the address are not shown."""
        return self.env["reactivation.consent"]._is_withdrawn(
            link["partner"], link["company"], channel, purpose
        )

    @api.model
    def _state(self, link):
        """:return: None, or the choice that is in force"""
        if not link["partner"] or not self._is_stopped(link, "mail", link["purpose"]):
            return None
        if self._is_stopped(link, "all", "all"):
            return "stop_all"
        return "stop_mail" if self._is_stopped(link, "mail", "care") else "stop"

    # ---------------------------------------------------------------------- words

    @api.model
    def _words(self, link, choice):
        """The page in words, in the language of the environment.

        :param choice: one of `CHOICES`, or None to ask
        :return: dict of `clinic`, `title`, `lines`, `hint`, and `buttons` as
            (choice, label)
        """
        clinic, purpose = link["company"].name, link["purpose"]
        words = {"clinic": clinic, "phone": link["company"].phone, "hint": False}
        if not link["partner"]:
            return words | self._words_nobody(clinic, choice)
        if choice == "undo":
            return words | self._words_undone(clinic, purpose)
        if not choice:
            return words | self._words_ask(clinic, purpose)
        return words | {
            "title": self.env._("It is done."),
            "lines": self._lines_stopped(clinic, choice, purpose),
            "buttons": self._buttons(choice, purpose),
            "hint": self._hint_undo(clinic, purpose),
        }

    @api.model
    def _text(self, link, shown, choice):
        """:return: for the ledger: what was read, and the button that was pressed"""
        words = self._words(link, shown)
        button = self._button(choice, link["purpose"])
        read = [words["title"], *words["lines"]]
        if choice == "undo":
            read = [self._hint_undo(words["clinic"], link["purpose"])]
        return f"{' '.join(read)} [{button}]"

    @api.model
    def _words_wrong_link(self):
        return {
            "clinic": False,
            "phone": False,
            "title": self.env._("This link does not work."),
            "lines": [
                self.env._(
                    "It was not copied completely, or is not from us. Press the link "
                    "in the e-mail again, or answer the e-mail and say what you want "
                    "stopped."
                )
            ],
            "hint": False,
            "buttons": [],
        }

    @api.model
    def _hint_undo(self, clinic, purpose):
        return {
            "care": self.env._(
                "“Undo” allows %(clinic)s to send you reminders about your care by "
                "e-mail again.",
                clinic=clinic,
            ),
            "service": self.env._(
                "“Undo” allows %(clinic)s to send you reminders about your care and "
                "news by e-mail again.",
                clinic=clinic,
            ),
            "offer": self.env._(
                "“Undo” allows %(clinic)s to send you e-mails again, offers included.",
                clinic=clinic,
            ),
        }[purpose]

    @api.model
    def _button(self, choice, purpose):
        """:return: the label of a button, which is what its click says"""
        if choice == "stop":
            return {
                "care": self.env._("Stop e-mails"),
                "service": self.env._("Stop news and offers by e-mail"),
                "offer": self.env._("Stop offers by e-mail"),
            }[purpose]
        return {
            "stop_mail": self.env._("Stop everything by e-mail"),
            "stop_all": self.env._("Do not contact me at all"),
            "undo": self.env._("Undo"),
        }[choice]

    @api.model
    def _buttons(self, choice, purpose):
        wider = {
            # Nobody who gets no reminders gets anything else by e-mail.
            "stop": ["stop_all"] if purpose == "care" else ["stop_mail", "stop_all"],
            "stop_mail": ["stop_all"],
            "stop_all": [],
        }[choice]
        return [(item, self._button(item, purpose)) for item in [*wider, "undo"]]

    @api.model
    def _words_ask(self, clinic, purpose):
        question = {
            "care": self.env._("No more e-mails from %(clinic)s?", clinic=clinic),
            "service": self.env._(
                "No more news and offers by e-mail from %(clinic)s?", clinic=clinic
            ),
            "offer": self.env._(
                "No more offers by e-mail from %(clinic)s?", clinic=clinic
            ),
        }[purpose]
        if purpose == "care":
            line = self.env._(
                "Reminders about your care will stop, and so will news and offers."
            )
        else:
            line = self.env._("Reminders about your care will still come.")
        return {
            "title": question,
            "lines": [line],
            "buttons": [("stop", self._button("stop", purpose))],
        }

    @api.model
    def _lines_stopped(self, clinic, choice, purpose):
        booked = self.env._(
            "Messages about an appointment you make will still reach you."
        )
        if choice == "stop_all":
            return [
                self.env._(
                    "%(clinic)s will not contact you any more: no e-mails, no texts, "
                    "no calls, no letters.",
                    clinic=clinic,
                ),
                booked,
            ]
        if choice == "stop_mail" or purpose == "care":
            return [
                self.env._(
                    "You will get no more e-mails from %(clinic)s: no reminders about "
                    "your care, and no news or offers either.",
                    clinic=clinic,
                ),
                booked,
            ]
        care = self.env._("Reminders about your care still come.")
        if purpose == "service":
            stopped = self.env._(
                "You will get no more news and offers by e-mail from %(clinic)s.",
                clinic=clinic,
            )
        else:
            stopped = self.env._(
                "You will get no more offers by e-mail from %(clinic)s.", clinic=clinic
            )
        return [stopped, care]

    @api.model
    def _words_undone(self, clinic, purpose):
        again = {
            "care": self.env._(
                "You allowed %(clinic)s to send you reminders about your care by "
                "e-mail again. News and offers stay stopped.",
                clinic=clinic,
            ),
            "service": self.env._(
                "You allowed %(clinic)s to send you reminders about your care and news "
                "by e-mail again. Offers stay stopped.",
                clinic=clinic,
            ),
            "offer": self.env._(
                "You allowed %(clinic)s to send you e-mails again, offers included.",
                clinic=clinic,
            ),
        }[purpose]
        other = self.env._(
            "If you stopped calls, texts or letters, they stay stopped. Tell the "
            "clinic if you want them again."
        )
        return {
            "title": self.env._("It is undone."),
            "lines": [again, other],
            "buttons": [("stop", self._button("stop", purpose))],
        }

    @api.model
    def _words_nobody(self, clinic, choice):
        if not choice:
            return self._words_ask(clinic, "care") | {
                "lines": [self.env._("This address will not be used again.")]
            }
        return {
            "title": self.env._("It is done."),
            "lines": [
                self.env._(
                    "You will get no more e-mails from %(clinic)s.", clinic=clinic
                )
            ],
            "buttons": [],
        }
