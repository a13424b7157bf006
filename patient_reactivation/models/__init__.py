# The order is the way the data takes: visits, patients, audience, plan,
# enrollment, delivery, outcome, report. A file calls only files above it; the
# button of a campaign that starts it is a user's request, and calls what it asks.
from . import reactivation_visit_source
from . import reactivation_external_visit
from . import reactivation_visit
from . import res_company
from . import reactivation_tier
from . import reactivation_reason
from . import reactivation_patient
from . import res_partner
from . import res_config_settings
from . import reactivation_consent
from . import reactivation_contact_policy
from . import reactivation_campaign
from . import reactivation_segment
from . import reactivation_method
from . import reactivation_step
from . import mailing_mailing
from . import reactivation_enrollment
from . import reactivation_delivery
from . import reactivation_channel
from . import reactivation_channel_mail
from . import mailing_trace
from . import mail_compose_message
from . import mail_mail
from . import ir_mail_server
from . import reactivation_outcome
from . import base_partner_merge
