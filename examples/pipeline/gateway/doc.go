// Package gateway is an API in front of the example models: the kind of service
// whose users feel what a config.pbtxt does. It is small, but everything that
// costs time in such a service is real: multipart uploads, JPEG decoding,
// resizing, the alignment of faces, tensors over gRPC, several models for one
// answer, and parts that fail while others succeed.
//
//	POST /v1/face       detect faces, align them, embed them
//	POST /v1/detection  detect objects, embed the picture
//	POST /v1/ingest     all of that, and read the text; answers 201
//	POST /v1/analyze    all of that, and embed the text
//	GET  /health        200 when every model is ready
//
// A picture is a JPEG in the multipart field "image". The answer is JSON; its
// "status" is "ok", "partial" (some part failed, "errors" says which and why) or
// "failed" (all did, with status code 502). How long each stage took is in
// "timings_ms" and in the header Server-Timing. Stages that run beside each other
// add up to more than the total.
//
// The models here are stand-ins that find nothing. So that their users have
// something to do, Options.Assume places faces and lines of text where a model
// found none, and the answer counts them as "assumed".
package gateway
