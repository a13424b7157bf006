from odoo.addons.base.models import ir_mail_server

# The one-click address is longer than a line. Folded, it would be encoded
# (=?utf-8?q?…) and mail providers would not find the button: RFC 8058 wants a
# plain URL. Odoo keeps the headers in this set on one line, as they are.
ir_mail_server.RFC5322_IDENTIFICATION_HEADERS.add("list-unsubscribe")
