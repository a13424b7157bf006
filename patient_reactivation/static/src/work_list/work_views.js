import { registry } from "@web/core/registry";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { listView } from "@web/views/list/list_view";

/** @returns {number[]} the rows in sight, in their order */
function visibleIds(list) {
    if (list.isGrouped) {
        return list.groups.flatMap((group) => visibleIds(group.list));
    }
    return list.records.map((record) => record.resId);
}

/** Open a row; the others of the list come after it. */
function openWork(controller, record) {
    return controller.actionService.doActionButton({
        name: "action_open",
        type: "object",
        resModel: record.resModel,
        resId: record.resId,
        context: {
            ...record.context,
            active_ids: visibleIds(controller.model.root),
        },
        onClose: () => controller.model.root.load(),
    });
}

export class WorkListController extends listView.Controller {
    /** @override */
    async openRecord(record) {
        return openWork(this, record);
    }
}

export class WorkKanbanController extends kanbanView.Controller {
    /** @override */
    async openRecord(record) {
        return openWork(this, record);
    }
}

registry.category("views").add("reactivation_work_list", {
    ...listView,
    Controller: WorkListController,
});
registry.category("views").add("reactivation_work_kanban", {
    ...kanbanView,
    Controller: WorkKanbanController,
});
