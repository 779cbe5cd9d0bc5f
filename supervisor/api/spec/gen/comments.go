package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
)

// comments are what the sources say of types, by name, and of fields, by type and name.
type comments map[string]string

// readComments reads the sources of packages, whose types must have different names.
func readComments(dirs ...string) (comments, error) {
	said := comments{}
	noTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	for _, dir := range dirs {
		packages, err := parser.ParseDir(token.NewFileSet(), dir, noTests, parser.ParseComments) //nolint:staticcheck // build tags do not matter to comments
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			for _, file := range p.Files {
				said.read(file)
			}
		}
	}
	return said, nil
}

func (c comments) read(file *ast.File) {
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range general.Specs {
			named, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			c[named.Name.Name] = sentence(general.Doc.Text())
			structure, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					c[named.Name.Name+"."+name.Name] = sentence(field.Comment.Text())
				}
			}
		}
	}
}

// sentence is a comment on one line, without marks that only Go documentation knows.
func sentence(text string) string {
	text, _, _ = strings.Cut(text, "\n\n")
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(strings.Fields(text), " "))
}
