from . import pos_config
from . import pos_order
from . import product_template
from . import reactivation_coupon
from . import reactivation_coupon_event
