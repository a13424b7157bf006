{
    "name": "Patient Reactivation: Point of Sale",
    "summary": "Coupons of patients at the till: the patient's own, lawful, once",
    "version": "19.0.1.0.0",
    "category": "Marketing/Patient Reactivation",
    "author": "Patient Reactivation contributors",
    "license": "LGPL-3",
    "depends": ["patient_reactivation", "pos_loyalty"],
    "data": ["data/barcode_rule_data.xml"],
    "assets": {
        "point_of_sale._assets_pos": ["patient_reactivation_pos/static/src/**/*"],
        "web.assets_tests": ["patient_reactivation_pos/static/tests/tours/**/*"],
    },
    "auto_install": True,
}
