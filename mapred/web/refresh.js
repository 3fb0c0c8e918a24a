// Looks again every few seconds and exchanges the content in place: scroll position,
// selection of other tabs and the reader's patience stay where they are.
"use strict";

const main = () => document.querySelector("main");
const pauseMs = () => 1000 * Number(main().dataset.refreshS || 0);

async function look() {
  if (!document.hidden && document.getSelection().isCollapsed) {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const content = fresh.querySelector("main");
      if (content) main().replaceWith(document.adoptNode(content));
      document.documentElement.classList.remove("cut-off");
    } catch {
      document.documentElement.classList.add("cut-off");
    }
  }
  if (pauseMs()) setTimeout(look, pauseMs());
}

if (pauseMs()) setTimeout(look, pauseMs());
