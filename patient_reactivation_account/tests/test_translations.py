from odoo.tests import TransactionCase, tagged

from odoo.addons.patient_reactivation.tests.test_translations import Catalog


@tagged("post_install", "-at_install")
class TestTranslations(Catalog, TransactionCase):
    addon = "patient_reactivation_account"
