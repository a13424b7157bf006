import { registry } from "@web/core/registry";

/**
 * Open the sheet of a task, with the other tasks of the list behind it: the pager of
 * the form says which one of them it is.
 */
export function openTasks(env, action) {
    const { action: sheet, resIds } = action.params;
    return env.services.action.doAction(sheet, {
        props: { resId: sheet.res_id, resIds },
    });
}

registry.category("actions").add("reactivation_open_tasks", openTasks);
