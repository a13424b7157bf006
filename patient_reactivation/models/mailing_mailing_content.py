from urllib.parse import urlsplit

from lxml import etree, html

from odoo import models

from odoo.addons.base_import.models.base_import import ImportValidationError

from ..tools import minimum_information
from ..tools.own_content import is_own
from ..tools.problems import WARNING, problem

# Where a link of the body leads: as it is, or with placeholders.
LINK_ATTRIBUTES = ("href", "t-att-href", "t-attf-href")


class MailingMailing(models.Model):
    """What the e-mail of a step may tell, and what it may make the server fetch."""

    _inherit = "mailing.mailing"

    # ------------------------------------------------------- minimum information

    def _information_problems(self):
        """Subject, preview, sender, links and attachments are seen by others: they
        must not tell why the patient comes. Placeholders that would are errors, and
        so they are in the text; words are warned of.

        :return: list of dicts of `tools/problems.py`
        """
        self.ensure_one()
        problems = []
        for place, text in self._seen_by_others():
            problems += [
                problem(
                    self.env._(
                        "E-mail “%(subject)s”: %(place)s must not tell “%(what)s”. "
                        "Others than the patient can see it.",
                        subject=self.subject,
                        place=place,
                        what=name,
                    ),
                    self,
                )
                for name in minimum_information.forbidden(text)
            ]
            problems += [
                problem(
                    self.env._(
                        "E-mail “%(subject)s”: “%(word)s” in %(place)s may tell others "
                        "what the patient comes for.",
                        subject=self.subject,
                        place=place,
                        word=word,
                    ),
                    self,
                    WARNING,
                )
                for word in minimum_information.telling(text)
            ]
        problems += [
            problem(
                self.env._(
                    "E-mail “%(subject)s”: the text must not contain the placeholder "
                    "“%(what)s”.",
                    subject=self.subject,
                    what=name,
                ),
                self,
            )
            for name in minimum_information.forbidden(str(self.body_html or ""))
        ]
        return problems

    def _seen_by_others(self):
        """:return: list of (name of the place, text that is seen there)"""
        places = [
            (self.env._("the subject"), self.subject),
            (self.env._("the preview"), self.preview),
            (self.env._("the sender"), self.email_from),
        ]
        places += [
            (self.env._("a link"), self._readable_link(link)) for link in self._links()
        ]
        places += [
            (self.env._("the name of an attachment"), attachment.name)
            for attachment in self.attachment_ids
        ]
        return [(place, text) for place, text in places if text]

    def _links(self):
        try:
            root = html.fragment_fromstring(
                str(self.body_html or ""), create_parent="div"
            )
        except (etree.LxmlError, ValueError):
            return []
        found = [node.get(name) for node in root.iter("a") for name in LINK_ATTRIBUTES]
        return list(dict.fromkeys(filter(None, found)))

    @staticmethod
    def _readable_link(link):
        """The host is somebody's name; what follows it is chosen by the clinic."""
        if "{{" in link or "object." in link:
            # An expression: read as such.
            expression = link.replace("{{", " ").replace("}}", " ")
            return "{{ " + expression + " }}"
        if link.startswith(("mailto:", "tel:")):
            return link.partition("?")[2]
        try:
            parts = urlsplit(link)
        except ValueError:
            return link
        return " ".join((parts.path, parts.query, parts.fragment))

    # -------------------------------------------------------------------- fetches

    def _get_image_by_url(self, url, session):
        """Odoo fetches images of some templates when they are saved, wherever they
        are. For the e-mails of steps it fetches its own only, and follows nobody."""
        if self.reactivation_step_id:
            if not is_own(url, self.get_base_url()):
                raise ImportValidationError(
                    self.env._("Images of other servers are not fetched.")
                )
            session.max_redirects = 0
        return super()._get_image_by_url(url, session)
