//go:build !unix

package fileperm

import "io/fs"

const (
	hasOwners = false
	openFlags = 0
)

func self() int                     { return -1 }
func owner(fs.FileInfo) int         { return -1 }
func groupIsOwner(fs.FileInfo) bool { return false }
func unmapped(int) bool             { return false }
