import { _t } from "@web/core/l10n/translation";
import { formatFloat, formatInteger } from "@web/views/fields/formatters";

/** A share as a percentage; below ten a digit more tells groups apart. */
export function percentText(share) {
    const percent = share * 100;
    const digits = percent > 0 && percent < 9.95 ? 1 : 0;
    return _t("%s %", formatFloat(percent, { digits: [16, digits] }));
}

/** A number of patients or contacts. */
export function countText(count) {
    return formatInteger(count);
}

/** A difference of two shares in percentage points, with its sign. */
export function pointsText(share) {
    const text = formatFloat(Math.abs(share * 100), { digits: [16, 1] });
    return (share < 0 ? "−" : "+") + text;
}
