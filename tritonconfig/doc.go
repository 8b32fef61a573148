// Package tritonconfig edits the model configuration of a Triton Inference
// Server (config.pbtxt) without loss, and reads model repositories on disk.
//
// A File has two views of the same bytes. The syntax view knows where every
// name, value, comma and comment lies; an edit replaces the bytes of one value
// and leaves the rest alone. The meaning view is the generated ModelConfig
// message, what Triton would read. Parse builds both, so a text with a
// placeholder or a fault that Triton would refuse is refused with its line and
// column:
//
//	f, err := tritonconfig.Parse("config.pbtxt", data) // *Error
//	f.Settings()                                       // the tuned values it sets
//	g, notes, err := f.Apply(tritonconfig.Settings{    // *RuleError
//		MaxQueueDelay: tritonconfig.Ptr(uint64(1000)),
//	})
//	g.Bytes()                                          // f.Bytes() but for one number
//
// What stays: comments, order, indentation, line breaks (LF, CRLF, none at the
// end), fields newer than this package, bytes that are not UTF-8. What is
// missing is inserted as the rest of the file is written. Files never change:
// undoing an edit is going back to the old File.
//
// A comment that an edit leaves beside another value than it was written for
// comes back as a Note, and so does the comment of a removed field, which
// stays in the file: no comment is ever lost.
//
// Apply and Validate refuse settings that Triton would refuse, with the rule
// in Triton's words. Set and Unset change any other field by its path, and
// leave Triton's rules to Triton.
//
// Two things to know about Triton. A config that a server reports is completed:
// dynamic batching without preferred sizes prefers the maximum batch, an
// instance group without a count runs one instance; Effective and Match treat
// these as equal. And a form feed, a raw control character in a string or
// bytes outside UTF-8 are fine for Triton although Go's prototext refuses
// them; Parse sides with Triton.
package tritonconfig
