import * as Dialog from "@point_of_sale/../tests/generic_helpers/dialog_util";
import * as Chrome from "@point_of_sale/../tests/pos/tours/utils/chrome_util";
import * as PaymentScreen from "@point_of_sale/../tests/pos/tours/utils/payment_screen_util";
import * as ProductScreen from "@point_of_sale/../tests/pos/tours/utils/product_screen_util";
import * as PosLoyalty from "@pos_loyalty/../tests/tours/utils/pos_loyalty_util";
import { registry } from "@web/core/registry";

/** The code is in the address: the browser knows it as a scanner does. */
const code = () => new URLSearchParams(window.location.search).get("coupon");

function refused(words) {
    return [
        { trigger: `.o_notification:contains("${words}")` },
        { trigger: ".o_notification_close", run: "click" },
    ];
}

function notPaid(words) {
    return [
        ProductScreen.clickPayButton(),
        PaymentScreen.clickPaymentMethod("Cash"),
        PaymentScreen.clickValidate(),
        Dialog.bodyIs(words),
        Dialog.confirm(),
        PaymentScreen.clickPaymentlineDelButton("Cash", "12.80"),
        PaymentScreen.clickBackToProductScreen(),
    ].flat();
}

/** The till: whose it is first, no other discount; used once. */
registry.category("web_tour.tours").add("reactivation_pos_coupon", {
    steps: () =>
        [
            Chrome.startPoS(),
            Dialog.confirm("Open Register"),
            ProductScreen.addOrderline("Whiteboard Pen", "5"),
            PosLoyalty.enterCode(code()),
            refused("May I have your name, please?"),
            ProductScreen.clickPartnerButton(),
            ProductScreen.clickCustomer("Till Ben"),
            PosLoyalty.enterCode(code()),
            refused("made out to somebody else"),
            ProductScreen.clickPartnerButton(),
            ProductScreen.clickCustomer("Till Ada"),
            ProductScreen.clickNumpad("%", "1", "0"),
            PosLoyalty.enterCode(code()),
            refused("has a discount already"),
            ProductScreen.clickNumpad("⌫", "⌫"),
            ProductScreen.clickPriceList("Sliding scale"),
            PosLoyalty.enterCode(code()),
            refused("has a discount already"),
            ProductScreen.clickPriceList("Public Pricelist"),
            ProductScreen.addOrderline("Small Shelf", "1"),
            PosLoyalty.enterCode(code()),
            refused("is paid by your insurance"),
            ProductScreen.clickNumpad("⌫", "⌫"),
            PosLoyalty.enterCode(code().toLowerCase().replaceAll("-", "")),
            PosLoyalty.orderTotalIs("12.80"),
            // Somebody else takes the bill over.
            ProductScreen.clickPartnerButton(),
            ProductScreen.clickCustomer("Till Ben"),
            notPaid("made out to somebody else"),
            ProductScreen.clickPartnerButton(),
            ProductScreen.clickCustomer("Till Ada"),
            PosLoyalty.finalizeOrder("Cash", "20"),
            ProductScreen.addOrderline("Whiteboard Pen", "1"),
            ProductScreen.clickPartnerButton(),
            ProductScreen.clickCustomer("Till Ada"),
            PosLoyalty.enterCode(code()),
            refused("has been used already"),
        ].flat(),
});
