// Names that a screen reader can say, where the theme's own markup leaves them out.
function nameControls() {
  document.querySelectorAll(".bd-sidebar-primary details > summary").forEach(function (summary) {
    var link = summary.closest("li").querySelector("a");
    summary.setAttribute("aria-label", "Chapters of " + link.textContent.trim());
  });
  // The visible words are the button's name: a second, different one confuses voice control.
  document.querySelectorAll(".search-button-field").forEach(function (button) {
    button.removeAttribute("aria-label");
  });
  // An icon's tooltip becomes text inside the button once the icon font has drawn it.
  document.querySelectorAll(".theme-switch-button :is(i, svg)").forEach(function (icon) {
    icon.removeAttribute("title");
    icon.removeAttribute("aria-labelledby");
    icon.setAttribute("aria-hidden", "true");
    icon.querySelectorAll("title").forEach(function (title) { title.remove(); });
  });
  // A list may hold list items only, which bibliography entries are not by their own role.
  document.querySelectorAll(".citation-list > .citation").forEach(function (entry) {
    entry.setAttribute("role", "listitem");
  });
  document.querySelectorAll(".secondary-toggle, .primary-toggle").forEach(function (button) {
    button.setAttribute("aria-label", button.title || "Menu");
  });
}
// Twice: icons are drawn at some time between the two.
document.addEventListener("DOMContentLoaded", nameControls);
window.addEventListener("load", nameControls);
