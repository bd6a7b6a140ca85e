package commitlog

import (
	"errors"
	"fmt"

	"ringmq/internal/message"
)

// What a [Stager] returns when a record cannot be staged now, but can after the caller did
// something about it.
var (
	// ErrBatchFull asks to write the batch and continue with the other one.
	ErrBatchFull = errors.New("commitlog: batch full")
	// ErrNoFile asks for Log.Prepare(Stager.Wants()).
	ErrNoFile = errors.New("commitlog: next file not ready")
)

// ErrTooLarge is returned for records that no file or batch can hold.
var ErrTooLarge = errors.New("commitlog: record larger than a commit log file or the staging memory")

// ErrOutOfRange is returned for offsets that lie outside the log.
var ErrOutOfRange = errors.New("commitlog: offset outside the log")

// CorruptError is damage found on the disk: bytes that should be a record and are not.
type CorruptError struct {
	Path   string            // of the file
	Offset message.LogOffset // of the first wrong byte's record
	Length int64             // bytes skipped to the next good record
	Want   string
	Got    string
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: damaged record at log offset %d, %d bytes skipped: %s, want %s", e.Path, e.Offset, e.Length, e.Got, e.Want)
}

// LengthError is a file whose length is not the configured one.
type LengthError struct {
	Path      string
	Want, Got int64
}

// Error implements error.
func (e *LengthError) Error() string {
	return fmt.Sprintf("%s has %d bytes, but mappedFileSizeCommitLog is %d: set it to the size this store was written with, or move the file away if it is no commit log file",
		e.Path, e.Got, e.Want)
}

// MissingError is a hole in the row of files.
type MissingError struct {
	Path string // of the file that should be there
	Next string // of the file behind the hole
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing or empty although %s exists: bring it back, or move the files before it away", e.Path, e.Next)
}

// SpaceError is a failure to make the next file. Nothing is lost; it may be tried again.
type SpaceError struct {
	Path string
	Size int64
	Err  error
}

// Error implements error.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("no new commit log file %s of %d bytes: %v", e.Path, e.Size, e.Err)
}

// Unwrap returns the system's error.
func (e *SpaceError) Unwrap() error { return e.Err }

// FailedError is what Write and Sync return from the first failure on.
type FailedError struct{ Err error }

// Error implements error.
func (e *FailedError) Error() string {
	return fmt.Sprintf("the commit log is read-only since a write failed: %v; check the disk and restart the broker", e.Err)
}

// Unwrap returns the failure.
func (e *FailedError) Unwrap() error { return e.Err }
