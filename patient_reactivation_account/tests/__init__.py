from . import test_invoice_revenue
from . import test_translations
