import { markup } from "@odoo/owl";

/**
 * Do what a method of the server returned.
 *
 * The help of an empty list is HTML that our own views wrote. The web client marks it
 * as such for the buttons of a form, and not for an action that is handed to it.
 *
 * @param {Object} service the action service
 * @param {Object} action as the method returned it
 * @param {Object} [options] of the action service
 */
export function doServerAction(service, action, options) {
    const help = action.help && { help: markup(action.help) };
    return service.doAction({ ...action, ...help }, options);
}
