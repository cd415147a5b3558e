// Says when renters have requested something since Today or the list of rentals was shown in this tab: in the page, in its title, and with a sound where that is on.
// Asks less often while the page is hidden, and stops when nobody is signed in any more. Without it, everything is there after a reload.
"use strict";
{
  const PAUSE_MS = 25000;
  const HIDDEN_PAUSE_MS = 60000;
  const SEEN = "gdmarket.seen";
  const SOUND = "gdmarket.sound";
  const news = document.getElementById("news");
  const title = document.title;
  let shown = 0;
  let timer = 0;
  let since = "";

  // Browsers may keep no storage, and then refuse every access to it.
  const read = (area, key) => {
    try {
      return window[area].getItem(key);
    } catch {
      return null;
    }
  };
  const keep = (area, key, value) => {
    try {
      window[area].setItem(key, value);
    } catch {
      // It is forgotten with the page.
    }
  };

  const isLoud = () => read("localStorage", SOUND) === "on";

  const seen = () => {
    const showsAll = document.body.matches(".today, .model-rental.change-list");
    const since = (!showsAll && read("sessionStorage", SEEN)) || news.dataset.since;
    keep("sessionStorage", SEEN, since);
    return since;
  };

  const ring = () => {
    const audio = new AudioContext();
    for (const [start, pitch] of [[0, 880], [0.18, 1174.7]]) {
      const tone = new OscillatorNode(audio, { frequency: pitch, type: "sine" });
      const volume = new GainNode(audio, { gain: 0.15 });
      volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + start + 0.3);
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + start);
      tone.stop(audio.currentTime + start + 0.3);
    }
    setTimeout(() => audio.close(), 1000);
  };

  const show = ({ count, said }) => {
    if (count <= shown) return;
    shown = count;
    document.title = `(${count}) ${title}`;
    news.querySelector("[role=status]").textContent = said;
    news.hidden = false;
    if (isLoud()) ring();
  };

  const ask = async () => {
    const address = `${news.dataset.address}?since=${encodeURIComponent(since)}`;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") return false; // to the page on which one signs in
      if (answer.ok) show(await answer.json());
    } catch {
      // No network, or the server restarts: the next one may be answered.
    }
    return true;
  };

  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => (await ask()) && wait(), document.hidden ? HIDDEN_PAUSE_MS : PAUSE_MS);
  };

  if (news) {
    since = seen();
    document.addEventListener("visibilitychange", async () => {
      if (document.hidden) return;
      clearTimeout(timer);
      if (await ask()) wait();
    });
    wait();
    const loud = document.getElementById("sound");
    if (loud) {
      const state = () => loud.setAttribute("aria-pressed", String(isLoud()));
      loud.addEventListener("click", () => {
        keep("localStorage", SOUND, isLoud() ? "off" : "on");
        state();
        if (isLoud()) ring();
      });
      state();
      loud.hidden = false;
    }
  }
}
