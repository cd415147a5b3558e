// Fills in the coordinates of a form by where this device is. Without it they are typed.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const latitude = document.querySelector("input[name=latitude][data-locate]");
    const longitude = document.querySelector("input[name=longitude]");
    if (!latitude || !longitude || !navigator.geolocation) {
        return;
    }
    const button = document.createElement("button");
    const said = document.createElement("span");
    button.type = "button";
    button.className = "button";
    button.textContent = latitude.dataset.locate;
    said.setAttribute("role", "status");
    longitude.after(" ", button, " ", said);
    button.addEventListener("click", () => {
        said.textContent = "";
        button.disabled = true;
        navigator.geolocation.getCurrentPosition(
            ({ coords }) => {
                latitude.value = coords.latitude.toFixed(6);
                longitude.value = coords.longitude.toFixed(6);
                button.disabled = false;
            },
            () => {
                said.textContent = latitude.dataset.locateFailed;
                button.disabled = false;
            },
            { enableHighAccuracy: true, timeout: 15000 },
        );
    });
});
