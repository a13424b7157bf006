from . import reactivation_campaign
from . import reactivation_report
from . import reactivation_runner
from . import reactivation_campaign_health
from . import reactivation_no_contact
from . import res_partner
from . import reactivation_patient
from . import res_config_settings
