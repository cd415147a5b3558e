// Imports a file part after part, and says how far it is. Without it each press of the button does the next part.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("form[data-steps]");
    if (!form) {
        return;
    }
    const progress = form.querySelector("progress");
    const shown = progress.parentElement;
    const said = progress.nextElementSibling;
    const token = form.querySelector("[name=csrfmiddlewaretoken]").value;

    async function next() {
        const body = new URLSearchParams({ csrfmiddlewaretoken: token, how: "rows" });
        const answer = await fetch(window.location.pathname, { method: "POST", body, headers: { Accept: "application/json" } });
        if (!answer.ok || answer.redirected) {
            throw new Error(String(answer.status));
        }
        return answer.json();
    }

    form.addEventListener("submit", async (event) => {
        if (event.submitter && event.submitter.value === "whole") {
            return;
        }
        event.preventDefault();
        const buttons = form.querySelectorAll("button");
        buttons.forEach((button) => { button.disabled = true; });
        shown.hidden = false;
        let before = -1;
        try {
            for (;;) {
                const { done, total } = await next();
                progress.value = done;
                said.textContent = `${done} / ${total}`;
                if (done >= total || done === before) {
                    window.location.assign(window.location.pathname);
                    return;
                }
                before = done;
            }
        } catch {
            said.textContent = form.dataset.failed;
            buttons.forEach((button) => { button.disabled = false; });
        }
    });
});
