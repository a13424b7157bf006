import io
import json
import mimetypes
import zipfile
from base64 import b64decode
from datetime import datetime

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import email_normalize, html2plaintext
from odoo.tools.mimetypes import guess_mimetype

from .reactivation_privacy import CONTACT, ENROLLMENT

# The keys of the file are stable within a version.
VERSION = 1

# Fields of a contact that say nothing about the person.
TECHNICAL = {
    "id",
    "complete_name",
    "commercial_partner_id",
    "commercial_company_name",
    "calendar_last_notif_ack",
    "color",
    "create_uid",
    "write_uid",
    "write_date",
    "message_main_attachment_id",
    "partner_share",
}

# Section -> model and its fields.
SECTIONS = {
    "patient": (
        "reactivation.patient",
        "company_id status exclusion first_visit_date last_visit_date "
        "next_visit_date visit_count missed_visit_count visit_pattern inactivity_days "
        "tier_id reason_id reason_source reason_on nps_kind nps nps_on "
        "last_practitioner_id",
    ),
    "visits": (
        "reactivation.visit",
        "company_id date day state practitioner_id amount currency_id source_id",
    ),
    "enrollments": (
        "reactivation.enrollment",
        "id company_id campaign_id segment_id method_id is_control tier_id "
        "visit_pattern reason_id practitioner_id episode_date enrolled_on state "
        "stop_reason steps_ended stage first_contact_date booked_date returned_date "
        "loyal_date return_closes loyalty_closes",
    ),
    "deliveries": (
        "reactivation.delivery",
        "id enrollment_id company_id step_id channel recipient_id first_date date "
        "state reason fallback_reason failure attempts sent_on opened_on clicked_on "
        "replied_on bounced_on coupon_id offer_refusal",
    ),
    "coupons": (
        "reactivation.coupon",
        "id company_id code_shown offer source note enrollment_id issued_on "
        "valid_until state redeemed_day revoke_reason",
    ),
    "coupon_events": (
        "reactivation.coupon.event",
        "coupon_id date kind reason note",
    ),
    "feedback": (
        "reactivation.feedback",
        "id company_id enrollment_id survey_id state invited_on answered_on reason_id "
        "nps_kind nps may_call wants_payment_help reward_program_id coupon_id "
        "reward_refusal",
    ),
    "answers": ("reactivation.feedback.answer", "feedback_id question answer"),
    "follow_ups": (
        "reactivation.route",
        "company_id reason_id source route date date_due state refusal done_on "
        "feedback_note",
    ),
    "payment_help": (
        "reactivation.payment.request",
        "company_id state source asked_on submitted_on household_size band_text "
        "is_above decided_on date_from date_to told_on figures_removed_on",
    ),
    "outcomes": (
        "reactivation.outcome",
        "enrollment_id delivery_id kind date is_bot",
    ),
    "consents": (
        "reactivation.consent",
        "company_id date state channel purpose source address text valid_until "
        "is_proven user_id",
    ),
}

STYLE = """
body { font: 14px/1.5 sans-serif; margin: 2em; color: #222; }
h2 { margin-top: 2em; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; }
th, td { border: 1px solid #ddd; padding: .3em .6em; text-align: left;
         vertical-align: top; white-space: pre-wrap; }
th { background: #f5f5f5; }
"""


class ReactivationPrivacy(models.AbstractModel):
    """All that is known about a person, for the person: a ZIP.

    `data.json` is for machines, complete, with keys that stay the same;
    `index.html` is the same for people. Read with the rights of who asks: what
    belongs to other companies is left out.
    """

    _name = "reactivation.privacy"
    _inherit = ["reactivation.privacy"]

    @api.model
    def _export_zip(self, partner):
        """:return: bytes of the file"""
        self._check_manager(partner)
        files = {}
        sections = self._export_sections(partner, files)
        document = {
            "format": "patient-data",
            "version": VERSION,
            "created": self._plain_value(fields.Datetime.now()),
            **{key: rows for key, _title, _labels, rows in sections},
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            text = json.dumps(document, ensure_ascii=False, indent=2)
            archive.writestr("data.json", text)
            archive.writestr("index.html", str(self._export_html(sections)))
            for path, content in files.items():
                archive.writestr(path, content)
        return buffer.getvalue()

    @api.model
    def _export_name(self, partner):
        """:return: name of the file, which says nothing about who it is"""
        today = fields.Date.context_today(self)
        return f"patient-data-{partner.id}-{today}.zip"

    # ------------------------------------------------------------------ sections

    @api.model
    def _export_sections(self, partner, files):
        """:param dict files: gets {path in the ZIP: content}
        :return: list of (key, title, {key: label}, rows)"""
        enrollments = self.env[ENROLLMENT].search(
            [
                "|",
                ("partner_id", "=", partner.id),
                # Left behind when two contacts were merged.
                "&",
                ("partner_id", "=", False),
                ("delivery_ids.recipient_id", "=", partner.id),
            ]
        )
        own = [("partner_id", "=", partner.id)]
        in_enrollments = [("enrollment_id", "in", enrollments.ids)]
        feedback = self.env["reactivation.feedback"].search(own)
        records = {
            "patient": self.env["reactivation.patient"].search(own),
            "visits": self.env["reactivation.visit"].search(own),
            "enrollments": enrollments,
            "deliveries": self.env["reactivation.delivery"].search(in_enrollments),
            "coupons": self.env["reactivation.coupon"].search(own),
            "coupon_events": self.env["reactivation.coupon.event"].search(
                [("coupon_id.partner_id", "=", partner.id)]
            ),
            "feedback": feedback,
            "answers": self.env["reactivation.feedback.answer"].search(
                [("feedback_id", "in", feedback.ids)]
            ),
            "follow_ups": self.env["reactivation.route"].search(own),
            "payment_help": self.env["reactivation.payment.request"].search(own),
            "outcomes": self.env["reactivation.outcome"].search(in_enrollments),
            "consents": self.env["reactivation.consent"].search(own),
        }
        titles = {
            "patient": self.env._("Patient, by Company"),
            "visits": self.env._("Visits"),
            "enrollments": self.env._("Enrollments in Campaigns"),
            "deliveries": self.env._("Messages and Calls: When, How, and Why Not"),
            "coupons": self.env._("Coupons"),
            "coupon_events": self.env._("What Became of Coupons"),
            "feedback": self.env._("Surveys: When, and What Was Said"),
            "answers": self.env._("Answers to Surveys"),
            "follow_ups": self.env._("What the Clinic Did About the Reason"),
            "payment_help": self.env._("Requests for Payment Help"),
            "outcomes": self.env._("What Followed"),
            "consents": self.env._("Consents and Objections"),
        }
        sections = [
            self._export_contacts(
                "contact", self.env._("Contact"), partner.with_prefetch(), files
            ),
            self._export_contacts(
                "addresses",
                self.env._("Further Addresses"),
                partner.search(
                    [("parent_id", "=", partner.id), ("type", "!=", "contact")]
                ),
                files,
            ),
        ]
        for key, (_model, names) in SECTIONS.items():
            labels, rows = self._export_rows(records[key], names.split())
            sections.append((key, titles[key], labels, rows))
        sections += [
            self._export_messages(partner, enrollments, files),
            self._export_tasks(partner, enrollments),
            self._export_clicks(records["deliveries"]),
            self._export_suppression(partner),
        ]
        return sections

    @api.model
    def _export_rows(self, records, names):
        """:return: ({key: label}, list of {key: value}); of a selection the code,
        and the words under the key with `_words`"""
        labels, rows = {}, [{} for _record in records]
        for name in names:
            field = records._fields[name]
            if not records._has_field_access(field, "read"):
                # Household and income are for those who decide.
                continue
            labels[name] = field._description_string(self.env) or name
            words = None
            if field.type == "selection":
                words = dict(field._description_selection(self.env))
            for record, row in zip(records, rows, strict=True):
                value = record[name]
                row[name] = self._plain_value(value, field.type)
                if words:
                    row[f"{name}_words"] = words.get(value)
        return labels, rows

    @api.model
    def _plain_value(self, value, kind=None):
        """:return: something JSON knows"""
        if isinstance(value, models.BaseModel):
            # The name of a colleague or a campaign is part of the row itself.
            names = value.sudo().mapped("display_name")
            if kind in ("one2many", "many2many"):
                return names
            return names[0] if names else None
        if isinstance(value, datetime):
            return f"{value.replace(microsecond=0).isoformat()}Z"
        if hasattr(value, "isoformat"):
            return value.isoformat()
        if value is False and kind != "boolean":
            return None
        if kind == "html":
            return html2plaintext(value)
        return value if isinstance(value, (bool, int, float, str)) else str(value)

    @api.model
    def _export_contacts(self, key, title, partners, files):
        """Whatever is filled in, by whichever addon."""
        names = [
            name
            for name, field in partners._fields.items()
            if field.store
            and name not in TECHNICAL
            and field.type not in ("binary", "one2many", "json", "properties")
            and not field.company_dependent
            and partners._has_field_access(field, "read")
            and any(partners.mapped(lambda item, name=name: bool(item[name])))
        ]
        labels, rows = self._export_rows(partners, names)
        for partner in partners.filtered("image_1920"):
            photo = b64decode(partner.with_context(bin_size=False).image_1920)
            extension = mimetypes.guess_extension(guess_mimetype(photo)) or ""
            files[f"files/photo-{partner.id}{extension}"] = photo
        return key, title, labels, rows

    @api.model
    def _thread_domain(self, field, partner, enrollments):
        return [
            "|",
            "&",
            (field, "=", CONTACT),
            ("res_id", "=", partner.id),
            "&",
            (field, "=", ENROLLMENT),
            ("res_id", "in", enrollments.ids),
        ]

    @api.model
    def _export_messages(self, partner, enrollments, files):
        messages = self.env["mail.message"].search(
            self._thread_domain("model", partner, enrollments), order="date, id"
        )
        people = partner | enrollments.recipient_id
        addresses = self._addresses(people)["mail"]
        rows = []
        for message in messages:
            sender = email_normalize(message.email_from or "")
            if message.author_id in people or sender in addresses:
                direction = "received"
            else:
                direction = "note" if message.is_internal else "sent"
            rows.append(
                {
                    "date": self._plain_value(message.date),
                    "direction": direction,
                    "enrollment_id": message.res_id
                    if message.model == ENROLLMENT
                    else None,
                    "from": message.email_from or None,
                    "subject": message.subject or None,
                    "text": html2plaintext(message.body or ""),
                    "html": str(message.body or ""),
                    "files": self._export_files(message.attachment_ids, files),
                }
            )
        others = self.env["ir.attachment"].search(
            self._thread_domain("res_model", partner, enrollments)
        )
        self._export_files(others - messages.attachment_ids, files)
        labels = {
            "date": self.env._("Date"),
            "direction": self.env._("Direction"),
            "from": self.env._("Sender"),
            "subject": self.env._("Subject"),
            "text": self.env._("Text"),
            "files": self.env._("Files"),
        }
        return "messages", self.env._("Texts of Messages and Notes"), labels, rows

    @api.model
    def _export_files(self, attachments, files):
        """:return: paths in the ZIP, made of numbers: names come from anybody"""
        paths = []
        for attachment in attachments.filtered(lambda item: item.type == "binary"):
            extension = mimetypes.guess_extension(attachment.mimetype or "") or ""
            path = f"files/{attachment.id}{extension}"
            files[path] = attachment.raw or b""
            paths.append(path)
        return paths

    @api.model
    def _export_tasks(self, partner, enrollments):
        tasks = (
            self.env["mail.activity"]
            .with_context(active_test=False)
            .search(self._thread_domain("res_model", partner, enrollments))
        )
        names = (
            "activity_type_id summary note user_id date_deadline date_done state "
            "feedback"
        )
        labels, rows = self._export_rows(tasks, names.split())
        return "tasks", self.env._("Tasks"), labels, rows

    @api.model
    def _export_clicks(self, deliveries):
        clicks = (
            self.env["mailing.trace"]
            .search([("reactivation_delivery_id", "in", deliveries.ids)])
            .links_click_ids
        )
        rows = [
            {
                "date": self._plain_value(click.create_date),
                "url": click.link_id.url,
                "ip": click.ip or None,
                "country": click.country_id.code or None,
            }
            for click in clicks
        ]
        labels = {
            "date": self.env._("Date"),
            "url": self.env._("Link"),
            "ip": self.env._("Internet Address"),
            "country": self.env._("Country"),
        }
        return "clicks", self.env._("Links That Were Followed"), labels, rows

    @api.model
    def _export_suppression(self, partner):
        """May the addresses of the person be used, and if not, why not?"""
        suppression = self.env["reactivation.suppression"]
        words = dict(suppression._fields["reason"]._description_selection(self.env))
        lists = {
            "mail": self.env["mail.blacklist"].sudo(),
            "phone": self.env["phone.blacklist"].sudo(),
        }
        rows = []
        for kind, addresses in self._addresses(partner).items():
            for address in sorted(addresses):
                # A person has a few addresses.
                digest = suppression._hash(kind, address, partner.country_id)
                entries = suppression.search([("address_hash", "=", digest)])
                name = "email" if kind == "mail" else "number"
                excluded = lists[kind].search_count([(name, "=", address)])
                active = entries.filtered(lambda item: not item.lifted_on)
                rows.append(
                    {
                        "kind": kind,
                        "address": address,
                        "is_excluded": bool(excluded),
                        "is_suppressed": bool(active),
                        "reasons": [words[item.reason] for item in active],
                        "since": self._plain_value(active[-1:].date),
                    }
                )
        labels = {
            "address": self.env._("Address"),
            "is_excluded": self.env._("On the Exclusion List"),
            "is_suppressed": self.env._("Suppressed"),
            "reasons": self.env._("Reasons"),
            "since": self.env._("Since"),
        }
        title = self.env._("May the Addresses Be Used?")
        return "suppression", title, labels, rows

    # ---------------------------------------------------------------------- page

    @api.model
    def _export_html(self, sections):
        """:return: the same as a page that loads nothing from anywhere"""
        parts = [
            Markup("<h2>%s</h2>%s") % (title, self._export_table(labels, rows))
            for _key, title, labels, rows in sections
        ]
        return Markup(
            "<!DOCTYPE html><html><head><meta charset='utf-8'>"
            "<meta http-equiv='Content-Security-Policy' "
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            "<title>%s</title><style>%s</style></head><body><h1>%s</h1>%s</body></html>"
        ) % (
            self.env._("Data about a Patient"),
            Markup(STYLE),
            self.env._("Data about a Patient"),
            Markup().join(parts),
        )

    @api.model
    def _export_table(self, labels, rows):
        if not rows:
            return Markup("<p>–</p>")
        if len(rows) == 1:
            lines = [
                Markup("<tr><th>%s</th><td>%s</td></tr>")
                % (label, self._export_cell(rows[0], key))
                for key, label in labels.items()
            ]
            return Markup("<table>%s</table>") % Markup().join(lines)
        cells = Markup().join(
            Markup("<th>%s</th>") % label for label in labels.values()
        )
        lines = [Markup("<tr>%s</tr>") % cells]
        for row in rows:
            cells = Markup().join(
                Markup("<td>%s</td>") % self._export_cell(row, key) for key in labels
            )
            lines.append(Markup("<tr>%s</tr>") % cells)
        return Markup("<table>%s</table>") % Markup().join(lines)

    @api.model
    def _export_cell(self, row, key):
        """:return: a value as text: words where there are, nothing for nothing"""
        value = row.get(f"{key}_words", row.get(key))
        if value is None:
            return ""
        if value is True:
            return "✓"
        if value is False:
            return "–"
        return ", ".join(value) if isinstance(value, list) else str(value)
