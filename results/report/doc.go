// Package report turns the records of a run into one value, a Report, and shows
// it: as text for a terminal, as Markdown, JSON, CSV, as one self-contained HTML
// page, and as a patch.
//
// Analyze does all the thinking: it joins the rounds of each point, compares the
// settings with the untouched config, asks results/pareto for advice and writes
// down what the reader must know about the figures as footnotes. The views only
// lay out what the Report says, so they cannot disagree, and everything they
// show is in the JSON.
//
// Every figure comes with its 95 % interval. What was not measured is absent,
// never zero.
//
// Names of models, settings, servers and errors come from outside. A Report
// holds them as they are; each view makes them harmless in its own way: the HTML
// page escapes them, forbids every script but its own and loads nothing, the
// text and Markdown views drop control characters, and the CSV view disarms
// cells that a spreadsheet would take for formulas.
package report
