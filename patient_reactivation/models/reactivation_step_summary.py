from odoo import api, models
from odoo.tools import format_duration, html2plaintext

from ..tools.languages import own_name
from .reactivation_step import WEEKDAYS, channel_icon

# Characters of a long text: more than fit into one line of the timeline.
BEGINNING = 200

# Fields with the words of a channel, apart from e-mails.
CONTENT_FIELDS = {
    "call": "script",
    "video": "message",
    "letter": "letter_body",
    "social": "message",
}


class ReactivationStep(models.Model):
    """A step as the timeline of its method draws it."""

    _inherit = "reactivation.step"

    @api.model
    def _drawn(self):
        """:return: names of the fields that are drawn"""
        names = [
            "name",
            "sequence",
            "channel",
            "fallback_channel",
            "delay_days",
            "delay_hours",
            "delay_from",
            "condition",
            "offer",
            "program_id",
            "survey_id",
            "reward_program_id",
            *WEEKDAYS,
            "hour_from",
            "hour_to",
            *dict.fromkeys(CONTENT_FIELDS.values()),
            "action_id",
        ]
        return [name for name in names if name in self._fields]

    def _summary(self):
        """:return: what the campaign's form shows of this step, as JSON"""
        self.ensure_one()
        labels = dict(self._fields["channel"]._description_selection(self.env))
        channels = self._drawn_channels()
        return {
            "id": self._origin.id,
            "name": self.name,
            "channel": labels.get(self.channel),
            "icon": channel_icon(self.channel),
            "fallback": labels.get(self.fallback_channel),
            "own_channel": self.channel == "preferred",
            "from_enrollment": self.delay_from == "enrollment",
            "delay_days": self.delay_days,
            "delay_hours": self.delay_hours,
            "from_coupon": self.delay_from == "coupon",
            "from_answer": self.delay_from == "answer",
            "survey": self.sudo().survey_id.title or False,
            "reward": self.sudo().reward_program_id.name or False,
            "offer": self._offer_text(),
            "condition": self._condition_text(),
            "window": self._window_text(),
            "has_mail": "mail" in channels,
            "has_call": "call" in channels,
            "script": first_line(self.script),
            "mails": self._summary_of_mails(),
            "texts": self._summary_of_texts(channels, labels),
        }

    def _drawn_channels(self):
        """:return: names of the channels whose content is shown, or missed"""
        if self.channel != "preferred":
            return self._channels()
        return self._channels() or ["mail"]

    def _summary_of_mails(self):
        languages = dict(self.env["res.lang"].get_installed())
        house = self.company_id.sudo().partner_id.lang
        # The clinic's own language first, then as they were written.
        mailings = self.mailing_ids.sorted(
            lambda item: (
                item.reactivation_lang != house,
                item._origin.id or float("inf"),
            )
        )
        return [
            {
                "id": mailing._origin.id,
                "subject": mailing.subject,
                # By its own name in every language. One that was removed from the
                # database since shows its code.
                "lang": own_name(
                    languages.get(
                        mailing.reactivation_lang, mailing.reactivation_lang or ""
                    )
                ),
                "lost": bool(mailing.reactivation_lang)
                and mailing.reactivation_lang not in languages,
            }
            for mailing in mailings
        ]

    def _summary_of_texts(self, channels, labels):
        """:return: the first line of what is said on each channel but e-mail"""
        texts = []
        for name in channels:
            if name in CONTENT_FIELDS:
                content = self[CONTENT_FIELDS[name]]
                # The first line of a letter greets; the others say something.
                text = beginning(content) if name == "letter" else first_line(content)
            elif name == "action":
                text = self.action_id.name or ""
            else:
                continue
            texts.append(
                {
                    "channel": name,
                    "label": labels.get(name),
                    "icon": channel_icon(name),
                    "text": text,
                }
            )
        return texts

    def _offer_text(self):
        """:return: "Gives a coupon: 20 % after 6 months" in words, or False"""
        if self.offer in (False, "none"):
            return False
        offers = dict(self._fields["offer"]._description_selection(self.env))
        text = offers[self.offer]
        if self.program_id:
            return f"{text}: {self.program_id.name}"
        return text

    def _condition_text(self):
        """:return: the condition in words, or False"""
        if self.condition in (False, "always"):
            return False
        conditions = dict(self._fields["condition"]._description_selection(self.env))
        return conditions[self.condition]

    def _window_text(self):
        """:return: "Mon–Fri, 9:00–12:00" when the step is limited, or False"""
        parts = []
        if not all(self[day] for day in WEEKDAYS):
            parts.append(self._weekdays_text())
        if self.hour_from or self.hour_to:
            parts.append(
                f"{format_duration(self.hour_from)}–{format_duration(self.hour_to)}"
            )
        return ", ".join(parts) or False

    def _weekdays_text(self):
        """:return: the days in the order of the week, neighbors joined"""
        names = {
            "mon": self.env._("Mon"),
            "tue": self.env._("Tue"),
            "wed": self.env._("Wed"),
            "thu": self.env._("Thu"),
            "fri": self.env._("Fri"),
            "sat": self.env._("Sat"),
            "sun": self.env._("Sun"),
        }
        runs = []
        for number, day in enumerate(WEEKDAYS):
            if not self[day]:
                continue
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        return ", ".join(
            "–".join(names[WEEKDAYS[number]] for number in dict.fromkeys(ends))
            for ends in ((run[0], run[-1]) for run in runs)
        )


def first_line(text):
    """:return: the first line of a text"""
    return next(
        (line.strip() for line in (text or "").splitlines() if line.strip()), ""
    )


def beginning(html):
    """:return: the beginning of a formatted text, in one plain line"""
    return " ".join(html2plaintext(html or "").split())[:BEGINNING]
