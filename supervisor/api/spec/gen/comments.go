package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
)

// comments are the source comments of types, by package and name, and of fields.
type comments map[string]string

// readComments reads the sources of packages.
func readComments(dirs ...string) (comments, error) {
	comment := comments{}
	noTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	for _, dir := range dirs {
		packages, err := parser.ParseDir(token.NewFileSet(), dir, noTests, parser.ParseComments) //nolint:staticcheck // build tags do not matter to comments
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			for _, file := range p.Files {
				comment.read(p.Name, file)
			}
		}
	}
	return comment, nil
}

func (c comments) read(pkg string, file *ast.File) {
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
			whole := pkg + "." + named.Name.Name
			c[whole] = sentence(general.Doc.Text())
			structure, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				for _, name := range field.Names {
					c[whole+"."+name.Name] = sentence(field.Comment.Text())
				}
			}
		}
	}
}

// sentence returns a comment on one line, without marks that only Go documentation
// uses.
func sentence(text string) string {
	text, _, _ = strings.Cut(text, "\n\n")
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(strings.Fields(text), " "))
}
